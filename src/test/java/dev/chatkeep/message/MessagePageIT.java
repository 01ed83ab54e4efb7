package dev.chatkeep.message;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class MessagePageIT {

    private static final int MESSAGES = 20;

    @ParameterizedTest
    @ValueSource(ints = { 1, 3, 5, 19, 20, 21, 50_000 })
    void thePagesTogetherAreTheSession(int limit) {
        // Given
        Caller caller = callerWithMessages();
        List<String> session = ids(page(caller, null, null));

        // When
        List<List<String>> pages = pages(caller, limit);

        // Then
        assertThat(session).hasSize(MESSAGES);
        assertThat(pages.stream().flatMap(List::stream)).containsExactlyElementsOf(session);
        assertThat(pages).hasSize((MESSAGES + limit - 1) / limit);
    }

    @Test
    void aPageThatWouldBeTooLargeEndsEarlyAndSaysWhereToGoOn() {
        // Given
        Caller caller = Caller.fresh();
        String content = "\u00FC".repeat((1 << 20) / 2);
        for (int upload = 0; upload < 5; upload++) {
            List<Map<String, Object>> messages = new ArrayList<>();
            for (int number = 0; number < 13; number++) {
                messages.add(message("m%d_%02d".formatted(upload, number), content, "2026-03-01T10:00:00.000Z"));
            }
            caller.hasUploaded(List.of(Map.of("id", "s1", "messages", messages)));
        }

        // When
        JsonNode page = page(caller, null, null);

        // Then
        assertThat(page.path("count").intValue()).isEqualTo(64);
        assertThat(ids(page(caller, null, page.path("next_cursor").textValue()))).containsExactly("m4_12");
        // Tests that look through everything that is stored would take long over it.
        caller.clearAll().then().statusCode(200);
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", textBlock = """
            1700, 1, -, 1700
            1700, 1, 1200, 1200
            1500, 1, -, 1500
            1000, 1, 1000, 1000
            7, 200000, -, 7
            9, 200000, 4, 4
            """)
    void aLongSessionIsReadAsAWholeHoweverManyPartsItTakes(int messages, int bytes, Integer limit, int read) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");
        Sql.rows("""
                insert into public.chat_messages (user_id, id, session_id, role, content, message_timestamp)
                select ?, 'm' || lpad(n::text, 5, '0'), 's1', 'user', repeat('a', ?),
                       timestamptz '2026-03-01 10:00:00Z' + n / 3 * interval '1 second'
                  from generate_series(1, ?) n
                """, caller.id(), bytes, messages);

        // When
        JsonNode page = page(caller, limit, null);

        // Then
        assertThat(ids(page)).isEqualTo(IntStream.rangeClosed(1, read).mapToObj("m%05d"::formatted).toList());
        assertThat(page.path("messages")).allSatisfy(message -> assertThat(message.path("content").textValue()).hasSize(bytes));
        assertThat(page.path("count").intValue()).isEqualTo(read);
        String cursor = page.path("next_cursor").textValue();
        if (read == messages) {
            assertThat(page.get("next_cursor").isNull()).isTrue();
        } else {
            assertThat(ids(page(caller, 1, cursor))).containsExactly("m%05d".formatted(read + 1));
        }
        caller.clearAll().then().statusCode(200);
    }

    @Test
    void aCursorOfOneSessionReadsNothingOfAnother() {
        // Given
        Caller caller = callerWithMessages();
        caller.hasSession("s2", "Another");
        caller.hasMessage("s2", message("other", "Hello", "2027-01-01T00:00:00.000Z"));
        String cursor = page(caller, 5, null).path("next_cursor").textValue();

        // When
        Response answer = caller.request().queryParam("session_id", "s2").queryParam("cursor", cursor)
                .get("/api/chat/messages");

        // Then
        assertThat(ids(Json.of(answer))).containsExactly("other");
    }

    @Test
    void aCursorDoesNotOpenASessionOfSomebodyElse() {
        // Given
        Caller ada = callerWithMessages();
        String cursor = page(ada, 5, null).path("next_cursor").textValue();

        // When
        Response answer = Caller.fresh().request().queryParam("session_id", "s1").queryParam("cursor", cursor)
                .get("/api/chat/messages");

        // Then
        assertProblem(answer, 404, "session_not_found");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            0     | limit must be greater than or equal to 1
            50001 | limit must be less than or equal to 50000
            """)
    void aLimitOutsideOfItsRangeIsRefused(String limit, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().queryParam("session_id", "s1").queryParam("limit", limit)
                .get("/api/chat/messages");

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "{}", "[1]", "[1, null]", "[null, \"m1\"]", "[\"1\", \"m1\"]", "[1, null, \"s1\"]",
            "[1, \"a\\u0000b\"]", "!" })
    void aMadeUpCursorIsRefused(String key) {
        // Given
        Caller caller = callerWithMessages();
        String cursor = Base64.getUrlEncoder().withoutPadding().encodeToString(key.getBytes(StandardCharsets.UTF_8));

        // When
        Response answer = caller.request().queryParam("session_id", "s1").queryParam("cursor", cursor)
                .get("/api/chat/messages");

        // Then
        assertProblem(answer, 422, "invalid_cursor");
    }

    /** Five times with four messages each, one of which has an id that needs escaping. */
    private static Caller callerWithMessages() {
        Caller caller = Caller.fresh();
        List<Map<String, Object>> messages = new ArrayList<>();
        for (int number = 0; number < MESSAGES; number++) {
            String id = number % 4 == 0 ? "\"\\ \uD83D\uDE00 " + number : "m" + number;
            messages.add(message(id, "Hello", "2026-03-01T10:00:0%d.%d00Z".formatted(number % 5 / 2, number % 5 % 2)));
        }
        caller.upload(List.of(Map.of("id", "s1", "messages", messages))).then().statusCode(200);
        return caller;
    }

    private static Map<String, Object> message(String id, String content, String timestamp) {
        return Map.of("id", id, "role", "user", "content", content, "timestamp", timestamp);
    }

    private static List<List<String>> pages(Caller caller, int limit) {
        List<List<String>> pages = new ArrayList<>();
        String cursor = null;
        do {
            JsonNode page = page(caller, limit, cursor);
            pages.add(ids(page));
            assertThat(pages).as("the session goes on").hasSizeLessThanOrEqualTo(MESSAGES);
            cursor = page.path("next_cursor").textValue();
        } while (cursor != null);
        return pages;
    }

    private static JsonNode page(Caller caller, Integer limit, String cursor) {
        RequestSpecification request = caller.request().queryParam("session_id", "s1");
        if (limit != null) {
            request.queryParam("limit", limit);
        }
        if (cursor != null) {
            request.queryParam("cursor", cursor);
        }
        Response answer = request.get("/api/chat/messages");
        assertThat(answer.statusCode()).isEqualTo(200);
        return Json.of(answer);
    }

    private static List<String> ids(JsonNode page) {
        return Json.texts(page.path("messages"), "id");
    }
}
