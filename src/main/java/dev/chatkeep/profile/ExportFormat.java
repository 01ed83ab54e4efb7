package dev.chatkeep.profile;

import com.fasterxml.jackson.annotation.JsonProperty;

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

    /** A new document; items are JSON objects as PostgreSQL writes them. */
    abstract Document open();

    /** A document as it grows. */
    interface Document {

        /** @param head the object that the document begins with */
        String head(String head);

        void beginList(StringBuilder piece, String name);

        void item(StringBuilder piece, String kind, String item);

        void endList(StringBuilder piece);

        String end();
    }

    private static final class JsonDocument implements Document {

        private boolean first;
        private boolean inConversation;
        private boolean firstMessage;

        @Override
        public String head(String head) {
            return unclosed(head);
        }

        @Override
        public void beginList(StringBuilder piece, String name) {
            piece.append(", \"").append(name).append("\": [");
            first = true;
        }

        @Override
        public void item(StringBuilder piece, String kind, String item) {
            if (kind.equals("message")) {
                piece.append(firstMessage ? "" : ", ").append(item);
                firstMessage = false;
                return;
            }
            closeConversation(piece);
            piece.append(first ? "" : ", ");
            first = false;
            if (kind.equals("conversation")) {
                piece.append(unclosed(item)).append(", \"messages\": [");
                inConversation = true;
                firstMessage = true;
            } else {
                piece.append(item);
            }
        }

        @Override
        public void endList(StringBuilder piece) {
            closeConversation(piece);
            piece.append(']');
        }

        @Override
        public String end() {
            return "}";
        }

        private void closeConversation(StringBuilder piece) {
            if (inConversation) {
                piece.append("]}");
                inConversation = false;
            }
        }

        private static String unclosed(String object) {
            return object.substring(0, object.length() - 1);
        }
    }

    private static final class Lines implements Document {

        @Override
        public String head(String head) {
            return line("export", head);
        }

        @Override
        public void beginList(StringBuilder piece, String name) {
            // Lines say what they are themselves.
        }

        @Override
        public void item(StringBuilder piece, String kind, String item) {
            piece.append(piece.isEmpty() ? "" : "\n").append(line(kind, item));
        }

        @Override
        public void endList(StringBuilder piece) {
            // As above.
        }

        @Override
        public String end() {
            return "";
        }

        private static String line(String type, String object) {
            return "{\"type\": \"" + type + "\", " + object.substring(1);
        }
    }
}
