package dev.chatkeep.profile;

import java.io.IOException;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;

import dev.chatkeep.wire.JsonParts.Writing;

/** How an export is written. */
public enum ExportFormat {

    /** One document, messages inside their conversations. */
    @JsonProperty("json")
    JSON("application/json", "json") {
        @Override
        Document open() {
            return new JsonDocument();
        }
    },

    /** A line an item, each with its {@code type}; a conversation comes before its messages. */
    @JsonProperty("ndjson")
    NDJSON("application/x-ndjson", "ndjson") {
        @Override
        Document open() {
            return new Lines();
        }
    };

    private final String mediaType;
    private final String extension;

    ExportFormat(String mediaType, String extension) {
        this.mediaType = mediaType;
        this.extension = extension;
    }

    public String mediaType() {
        return mediaType;
    }

    public String extension() {
        return extension;
    }

    abstract Document open();

    /** A document as it grows. */
    interface Document {

        /** @param members those that the document begins with */
        void begin(JsonGenerator json, Writing members) throws IOException;

        default void beginList(JsonGenerator json, String name) throws IOException {
            // Lines say what they are themselves.
        }

        /** @param members those of an object */
        void item(JsonGenerator json, String kind, Writing members) throws IOException;

        default void endList(JsonGenerator json) throws IOException {
            // As above.
        }

        void end(JsonGenerator json) throws IOException;
    }

    private static final class JsonDocument implements Document {

        private boolean inConversation;

        @Override
        public void begin(JsonGenerator json, Writing members) throws IOException {
            json.writeStartObject();
            members.to(json);
        }

        @Override
        public void beginList(JsonGenerator json, String name) throws IOException {
            json.writeArrayFieldStart(name);
        }

        @Override
        public void item(JsonGenerator json, String kind, Writing members) throws IOException {
            if (!kind.equals(ExportQueries.MESSAGE)) {
                endConversation(json);
            }
            json.writeStartObject();
            members.to(json);
            if (kind.equals(ExportQueries.CONVERSATION)) {
                json.writeArrayFieldStart(ExportQueries.MESSAGES);
                inConversation = true;
            } else {
                json.writeEndObject();
            }
        }

        @Override
        public void endList(JsonGenerator json) throws IOException {
            endConversation(json);
            json.writeEndArray();
        }

        @Override
        public void end(JsonGenerator json) throws IOException {
            json.writeEndObject();
            json.writeRaw('\n');
        }

        private void endConversation(JsonGenerator json) throws IOException {
            if (inConversation) {
                json.writeEndArray();
                json.writeEndObject();
                inConversation = false;
            }
        }
    }

    private static final class Lines implements Document {

        @Override
        public void begin(JsonGenerator json, Writing members) throws IOException {
            json.setPrettyPrinter(new MinimalPrettyPrinter("\n"));
            item(json, "export", members);
        }

        @Override
        public void item(JsonGenerator json, String kind, Writing members) throws IOException {
            json.writeStartObject();
            json.writeStringField("type", kind);
            members.to(json);
            json.writeEndObject();
        }

        @Override
        public void end(JsonGenerator json) throws IOException {
            json.writeRaw('\n');
        }
    }
}
