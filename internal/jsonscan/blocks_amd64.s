#include "textflag.h"

// BROADCAST fills a register with one byte.
#define BROADCAST(byte, general, half, whole) \
	MOVL byte, general     \
	VMOVD general, half    \
	VPBROADCASTB half, whole

// EQUAL gives which of the 64 bytes in Y0 and Y1 are those of whole, a bit for each.
#define EQUAL(whole, low, high) \
	VPCMPEQB Y0, whole, Y2 \
	VPCMPEQB Y1, whole, Y3 \
	VPMOVMSKB Y2, low      \
	VPMOVMSKB Y3, high     \
	SHLQ $32, high         \
	ORQ high, low

// func blocks(text *byte, n int) (at, depth int, within uint64, escaped int)
//
// SI  the block            R8   its quotes
// CX  bytes left           R9   its backslashes
// DX  depth                R10  its opening brackets
// BX  within               R11  its closing brackets
// DI  escaped              R12  what of it stands within strings
// AX  escaped, afterwards  R13  for the moment
TEXT ·blocks(SB), NOSPLIT, $0-48
	MOVQ text+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ $1, DX
	XORQ BX, BX
	XORQ DI, DI
	BROADCAST($0x22, R8, X10, Y10) // quote
	BROADCAST($0x5c, R8, X11, Y11) // backslash
	BROADCAST($0x20, R8, X12, Y12) // space
	BROADCAST($0x7b, R8, X13, Y13) // opening
	BROADCAST($0x7d, R8, X14, Y14) // closing
	VPCMPEQB X9, X9, X9

block:
	CMPQ CX, $64
	JLT  out
	VMOVDQU (SI), Y0
	VMOVDQU 32(SI), Y1
	EQUAL(Y10, R8, R13)
	EQUAL(Y11, R9, R13)
	VPOR Y0, Y12, Y0
	VPOR Y1, Y12, Y1
	EQUAL(Y13, R10, R13)
	EQUAL(Y14, R11, R13)
	XORQ AX, AX
	MOVQ R9, R13
	ORQ  DI, R13
	JNZ  escapes

strings:
	// Multiplied without carries by ones, a bit is that of all below it together:
	// behind each quote all is turned over.
	VMOVQ R8, X2
	VPCLMULQDQ $0, X9, X2, X2
	VMOVQ X2, R12
	XORQ BX, R12
	ANDNQ R9, R12, R13
	JNZ  out                       // no JSON: a backslash outside a string
	ANDNQ R10, R12, R10
	ANDNQ R11, R12, R11
	POPCNTQ R11, R13
	CMPQ R13, DX
	JGE  closings
	SUBQ R13, DX
	POPCNTQ R10, R10
	ADDQ R10, DX

next:
	MOVQ R12, BX
	SARQ $63, BX
	MOVQ AX, DI
	ADDQ $64, SI
	SUBQ $64, CX
	JMP  block

escapes:
	// R12 gathers what is escaped, and R9 keeps only what escapes.
	MOVQ DI, R12
	ANDNQ R9, R12, R13             // R13: backslashes left to judge
	XORQ R9, R9

escape:
	TESTQ R13, R13
	JZ   escaped
	BLSIQ R13, AX                  // the first one
	ORQ  AX, R9
	ANDNQ R13, AX, R13
	ADDQ AX, AX                    // what it escapes
	ORQ  AX, R12
	ANDNQ R13, AX, R13
	JMP  escape

escaped:
	ANDNQ R8, R12, R8
	MOVQ R9, AX
	SHRQ $63, AX
	JMP  strings

closings:
	// One of them may be the last one. Each stands as deep as what was opened and
	// closed before it says.
	XORQ R13, R13

closing:
	TESTQ R11, R11
	JZ   open
	BLSIQ R11, R8
	SUBQ $1, R8
	ANDQ R10, R8
	POPCNTQ R8, R8
	ADDQ $1, R13
	ADDQ DX, R8
	CMPQ R8, R13
	JEQ  last
	BLSRQ R11, R11
	JMP  closing

open:
	SUBQ R13, DX
	POPCNTQ R10, R10
	ADDQ R10, DX
	JMP  next

last:
	TZCNTQ R11, R11
	LEAQ 1(SI)(R11*1), SI
	XORQ DX, DX
	XORQ BX, BX
	XORQ DI, DI

out:
	SUBQ text+0(FP), SI
	MOVQ SI, at+16(FP)
	MOVQ DX, depth+24(FP)
	MOVQ BX, within+32(FP)
	MOVQ DI, escaped+40(FP)
	VZEROUPPER
	RET
