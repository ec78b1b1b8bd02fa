package checker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Parse reads what a plain GET of the view answered, as observing it would.
func (v *View) Parse(status int, body []byte) (*Result, error) {
	if status == http.StatusNotFound {
		return &Result{}, nil
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("checker: status %d: %.200s", status, body)
	}
	rows, meta, err := parseAnswer(body)
	if err != nil {
		return nil, err
	}
	result := &Result{Meta: meta}
	for _, row := range rows {
		item, err := v.item(row)
		if err != nil {
			return nil, err
		}
		result.Items = append(result.Items, item)
	}
	return result, nil
}

// parseAnswer tells a list, a page and an object apart.
func parseAnswer(body []byte) (rows []map[string]any, meta []byte, err error) {
	if err := unmarshal(body, &rows); err == nil {
		return rows, nil, nil
	}
	var object map[string]any
	if err := unmarshal(body, &object); err != nil {
		return nil, nil, err
	}
	page, isPage := object["results"].([]any)
	if !isPage {
		return []map[string]any{object}, nil, nil
	}
	for _, row := range page {
		fields, ok := row.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("checker: item is no object: %v", row)
		}
		rows = append(rows, fields)
	}
	delete(object, "results")
	meta, err = json.Marshal(object)
	return rows, meta, err
}

// unmarshal keeps numbers as they are written.
func unmarshal(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(into)
}
