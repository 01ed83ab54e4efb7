package dev.chatkeep.problem;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Json;

class OpenApiChangesTest {

    /** Schemas of a request's or a response's body: before, after, and what of it breaks a client. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', nullValues = "-", textBlock = """
            {"type": "string"} | {"type": ["string", "null"]} | -
            {"type": ["string", "null"]} | {"type": "string"} | POST /x: body may not be null any more
            {} | {"type": "string"} | POST /x: body may only be string
            {"type": "integer"} | {"type": "number"} | -
            {"type": "number"} | {"type": "integer"} | POST /x: body may not be number any more
            {"enum": ["a"]} | {"enum": ["a", "b"]} | -
            {"enum": ["a", "b"]} | {"enum": ["a"]} | POST /x: body may not be b any more
            {"maxLength": 5} | {"maxLength": 6} | -
            {"maxLength": 5} | {"maxLength": 4} | POST /x: body: maxLength is 4 now
            {} | {"maxItems": 4} | POST /x: body: maxItems is 4 now
            {"minimum": 1} | {"minimum": 0} | -
            {"minimum": 1} | {"minimum": 2} | POST /x: body: minimum is 2 now
            {"minimum": 1} | {} | -
            {} | {"pattern": "^a$"} | POST /x: body: pattern is ^a$ now
            {"properties": {"a": {}}} | {"properties": {"a": {}, "b": {}}} | -
            {"properties": {"a": {}}} | {"properties": {"a": {}, "b": {}}, "required": ["b"]} | POST /x: body.b became required
            {"properties": {"a": {}}} | {"properties": {}} | POST /x: body.a is gone
            {"properties": {"a": {}}, "required": ["a"]} | {"properties": {"a": {}}} | -
            {"items": {"maxLength": 5}} | {"items": {"maxLength": 4}} | POST /x: body[]: maxLength is 4 now
            {} | {"additionalProperties": false} | POST /x: body refuses members that it does not know
            {"anyOf": [{"type": "string"}, {"type": "null"}]} | {"anyOf": [{"type": "string"}]} | POST /x: body may not be null any more
            {"properties": {"a": {"$ref": "#/components/schemas/Tree"}}} | {"properties": {"a": {"$ref": "#/components/schemas/Tree"}}} | -
            """)
    void aRequestMustNotTakeLess(String before, String after, String change) {
        // When
        var changes = OpenApiChanges.breaking(requesting(before), requesting(after));

        // Then
        assertThat(String.join("; ", changes)).isEqualTo(change == null ? "" : change);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', nullValues = "-", textBlock = """
            {"type": "string"} | {"type": ["string", "null"]} | POST /x 200 may be null
            {"type": ["string", "null"]} | {"type": "string"} | -
            {"type": "number"} | {"type": "integer"} | -
            {"type": "integer"} | {"type": "number"} | POST /x 200 may be number
            {"type": "string"} | {} | POST /x 200 may be anything
            {"enum": ["a", "b"]} | {"enum": ["a"]} | -
            {"enum": ["a"]} | {"enum": ["a", "b"]} | POST /x 200 may be b
            {"enum": ["a"]} | {} | POST /x 200 may be any word
            {"properties": {"a": {}}} | {"properties": {"a": {}, "b": {}}} | -
            {"properties": {"a": {}}} | {"properties": {}} | POST /x 200.a is gone
            {"properties": {"a": {}}, "required": ["a"]} | {"properties": {"a": {}}} | POST /x 200.a may be left out
            {"properties": {"a": {}}} | {"properties": {"a": {}}, "required": ["a"]} | -
            {"items": {"type": "string"}} | {"items": {"type": "integer"}} | POST /x 200[] may be integer
            {"additionalProperties": {"type": "string"}} | {"additionalProperties": {"type": "integer"}} | POST /x 200.* may be integer
            {"anyOf": [{"type": "string"}]} | {"anyOf": [{"type": "string"}, {"type": "null"}]} | POST /x 200 may be null
            {"maxLength": 5} | {"maxLength": 50} | -
            """)
    void aResponseMustNotSaySomethingElse(String before, String after, String change) {
        // When
        var changes = OpenApiChanges.breaking(responding(before), responding(after));

        // Then
        assertThat(String.join("; ", changes)).isEqualTo(change == null ? "" : change);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', nullValues = "-", textBlock = """
            {"/x": {"get": {}}} | {"/x": {"get": {}, "post": {}}, "/y": {"get": {}}} | -
            {"/x": {"get": {}, "post": {}}} | {"/x": {"get": {}}} | POST /x is gone
            {"/x": {"get": {}}} | {"/y": {"get": {}}} | GET /x is gone
            {"/x": {"get": {"responses": {"200": {}}}}} | {"/x": {"get": {"responses": {"204": {}}}}} | GET /x 200 is gone
            {"/x": {"get": {"responses": {"200": {"content": {"a/b": {}}}}}}} | {"/x": {"get": {"responses": {"200": {"content": {"a/c": {}}}}}}} | GET /x 200: media type a/b is gone
            {"/x": {"get": {"responses": {"200": {"headers": {"A": {}}}}}}} | {"/x": {"get": {"responses": {"200": {"headers": {"B": {}}}}}}} | GET /x 200: header A is gone
            {"/x": {"get": {}}} | {"/x": {"get": {"parameters": [{"in": "query", "name": "a"}]}}} | -
            {"/x": {"get": {}}} | {"/x": {"get": {"parameters": [{"in": "query", "name": "a", "required": true}]}}} | GET /x: parameter query a became required
            {"/x": {"get": {"parameters": [{"in": "query", "name": "a"}]}}} | {"/x": {"get": {}}} | GET /x: parameter query a is gone
            {"/x": {"get": {"parameters": [{"in": "query", "name": "a", "schema": {"maximum": 5}}]}}} | {"/x": {"get": {"parameters": [{"in": "query", "name": "a", "schema": {"maximum": 4}}]}}} | GET /x: parameter query a: maximum is 4 now
            {"/x": {"get": {"requestBody": {}}}} | {"/x": {"get": {"requestBody": {"required": true}}}} | GET /x: the body became required
            {"/x": {"get": {"requestBody": {"content": {"a/b": {}}}}}} | {"/x": {"get": {"requestBody": {"content": {"a/c": {}}}}}} | GET /x: the body may not be a/b any more
            """)
    void whatIsThereMustStay(String before, String after, String change) {
        // When
        var changes = OpenApiChanges.breaking(document(before), document(after));

        // Then
        assertThat(String.join("; ", changes)).isEqualTo(change == null ? "" : change);
    }

    @Test
    void everyChangeIsNamedAndTheSameDocumentHasNone() {
        // Given
        JsonNode before = responding("{\"properties\": {\"a\": {}, \"b\": {\"enum\": [\"x\"]}}, \"required\": [\"a\", \"b\"]}");
        JsonNode after = responding("{\"properties\": {\"b\": {\"enum\": [\"x\", \"y\"]}}, \"required\": []}");

        // When
        var changes = OpenApiChanges.breaking(before, after);

        // Then
        assertThat(changes).containsExactly("POST /x 200.a is gone", "POST /x 200.b may be left out", "POST /x 200.b may be y");
        assertThat(OpenApiChanges.breaking(before, before)).isEmpty();
    }

    private static JsonNode requesting(String schema) {
        return document("{\"/x\": {\"post\": {\"requestBody\": {\"content\": {\"application/json\": {\"schema\": " + schema
                + "}}}}}}");
    }

    private static JsonNode responding(String schema) {
        return document("{\"/x\": {\"post\": {\"responses\": {\"200\": {\"content\": {\"application/json\": {\"schema\": "
                + schema + "}}}}}}}");
    }

    private static JsonNode document(String paths) {
        return Json.of("{\"paths\": " + paths + ", \"components\": {\"schemas\": {\"Tree\": {\"properties\": {\"child\":"
                + " {\"$ref\": \"#/components/schemas/Tree\"}}}}}}");
    }
}
