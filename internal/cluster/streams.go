package cluster

import (
	"context"
	"net/http"
)

// DataStream is a name for indices that are appended to in turn.
type DataStream struct {
	Name string
	// Indices that hold its documents, the one that is written last.
	Indices []string
}

// DataStreams lists them; none where the engine has no such thing, or the user
// may not ask.
func (c *Cluster) DataStreams(ctx context.Context) ([]DataStream, error) {
	if !c.identity.AtLeast(7, 9) {
		return nil, nil
	}
	var answer struct {
		Streams []struct {
			Name    string
			Indices []struct {
				Name string `json:"index_name"`
			}
		} `json:"data_streams"`
	}
	err := c.call(ctx, request{op: "list the data streams", method: http.MethodGet, path: path("_data_stream")}, &answer)
	if noHandler(err) || NotFound(err) || Forbidden(err) || BadRequest(err) {
		// A distribution without them takes the path for an index of a bad name.
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := make([]DataStream, len(answer.Streams))
	for i, s := range answer.Streams {
		all[i].Name = s.Name
		for _, index := range s.Indices {
			all[i].Indices = append(all[i].Indices, index.Name)
		}
	}
	return all, nil
}
