package dev.chatkeep.session;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.Base64;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.problem.Problem;

/**
 * Lists sessions, newest {@code updated_at} first, ties by {@code last_message_timestamp}, then {@code id}. A page goes on
 * after the last row of the one before, so every page costs the same.
 *
 * @param updatedAt of the last row of the page before
 * @param lastMessageTimestamp of that row; null where it has no message
 * @param id of that row
 */
record SessionPage(OffsetDateTime updatedAt, OffsetDateTime lastMessageTimestamp, String id) {

    private static final String NEWEST_LAST_MESSAGE = "coalesce(s.last_message_timestamp, '-infinity')";
    private static final String ORDER = "s.updated_at desc, " + NEWEST_LAST_MESSAGE + " desc, s.id desc";

    /** {@code $1} user, {@code $2} how many. One row more is read to know whether there are more. */
    static final String FIRST = page("");
    /** As {@link #FIRST}, after {@code $3} updated_at, {@code $4} last_message_timestamp, {@code $5} id. */
    static final String NEXT = page(" and s.updated_at <= $3 and (s.updated_at, " + NEWEST_LAST_MESSAGE + ", s.id)"
            + " < ($3, coalesce($4::timestamptz, '-infinity'), $5)");

    private static String page(String after) {
        return "with found as (select s.*, row_number() over (order by " + ORDER + ") as position"
                + " from public.chat_sessions s where s.user_id = $1" + after + " order by " + ORDER + " limit $2 + 1),"
                + " last as (select " + cursor() + " as cursor from found s"
                + " where s.position = $2 and exists (select from found m where m.position > $2))"
                + " select json_build_object("
                + "'sessions', coalesce(json_agg(" + SessionView.SQL + " order by s.position), '[]'),"
                + " 'count', count(*), 'next_cursor', (select cursor from last))::text"
                + " from found s where s.position <= $2";
    }

    private static String cursor() {
        return "translate(encode(convert_to(json_build_array(" + micros("s.updated_at") + ", "
                + micros("s.last_message_timestamp") + ", s.id)::text, 'UTF8'), 'base64'), E'+/=\\n', '-_')";
    }

    private static String micros(String column) {
        return "(extract(epoch from " + column + ") * 1000000)::bigint";
    }

    /** Reads a cursor that an answer carried; 422 {@code invalid_cursor} where it did not. */
    static SessionPage after(String cursor, ObjectMapper json) {
        try {
            JsonNode parts = json.readTree(new String(Base64.getUrlDecoder().decode(cursor), StandardCharsets.UTF_8));
            if (parts.isArray() && parts.size() == 3 && parts.get(0).canConvertToLong() && parts.get(2).isTextual()) {
                JsonNode lastMessage = parts.get(1);
                return new SessionPage(time(parts.get(0)), lastMessage.isNull() ? null : time(lastMessage),
                        parts.get(2).textValue());
            }
        } catch (IOException | IllegalArgumentException e) {
            // Answered below like every other text that is no cursor.
        }
        throw Problem.of(Problem.UNPROCESSABLE_CONTENT, "invalid_cursor", "The cursor is not one that a list answered with.");
    }

    private static OffsetDateTime time(JsonNode micros) {
        return Instant.EPOCH.plus(micros.longValue(), ChronoUnit.MICROS).atOffset(ZoneOffset.UTC);
    }
}
