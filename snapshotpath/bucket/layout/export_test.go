package layout

// DecodeSmile is for tests of the format itself.
var DecodeSmile = decodeSmile

// EncodeSmile is its counterpart.
var EncodeSmile = encodeSmile
