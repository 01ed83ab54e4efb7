package dev.chatkeep.sync;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
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
import io.restassured.RestAssured;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

/** Downloads page by page. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class SyncPageIT {

    private static final int CONVERSATIONS = 25;

    @ParameterizedTest
    @CsvSource({ "1, false", "7, false", "25, false", "26, false", "1, true", "10, true", "25, true", "100, true" })
    void thePagesTogetherAreAllConversationsByTheirLastMessage(int limit, boolean summaries) {
        // Given
        Caller caller = callerWithConversations();

        // When
        List<JsonNode> pages = pages(caller, limit, summaries);

        // Then
        List<JsonNode> conversations = new ArrayList<>();
        pages.forEach(page -> page.path("conversations").forEach(conversations::add));
        assertThat(conversations).extracting(each -> each.path("id").textValue()).isEqualTo(newestFirst());
        assertThat(pages).hasSize((CONVERSATIONS + limit - 1) / limit);
        assertThat(pages).allSatisfy(page -> assertThat(page.at("/meta/pageSize").intValue()).isEqualTo(limit));
        assertThat(conversations).allSatisfy(conversation -> {
            String id = conversation.path("id").textValue();
            assertThat(Json.texts(conversation.path("messages"), "id"))
                    .isEqualTo(summaries ? List.of() : List.of(id + "-a", id + "-b"));
            assertThat(conversation.path("messageCount").intValue()).isEqualTo(2);
        });
    }

    @Test
    void aPageHasTheConversationsOfADownloadAndSaysWhereToGoOn() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(
                List.of(conversation("s1", "2026-03-01T10:00:00.000Z"), conversation("s2", "2026-03-02T10:00:00.000Z")));

        // When
        Response response = get(caller, 1, false, null, null);

        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        JsonNode page = Json.of(response);
        JsonNode newest = Json.of(caller.download()).path("conversations").get(0);
        assertThat(Json.without(page, "syncTime")).isEqualTo(Json.of("""
                {"conversations": [%s], "meta": {"pageSize": 1, "hasMore": true,
                 "nextCursor": {"ts": "2026-03-02T10:00:00.000Z", "id": "s2"}}}
                """, newest));
        assertThat(page.path("syncTime").textValue()).endsWith("Z");
    }

    @Test
    void aUserWithoutConversationsGetsAnEmptyPage() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = get(caller, null, true, null, null);

        // Then
        assertThat(Json.without(Json.of(response), "syncTime")).isEqualTo(Json.of("""
                {"conversations": [], "meta": {"pageSize": 20, "hasMore": false, "nextCursor": null}}
                """));
    }

    @Test
    void whatIsRenamedStaysWhereItIs() {
        // Given
        Caller caller = callerWithConversations();
        caller.hasRenamed("s03", "Another title");

        // When
        List<JsonNode> pages = pages(caller, 10, true);

        // Then
        assertThat(pages.stream().flatMap(page -> Json.texts(page.path("conversations"), "id").stream()))
                .containsExactlyElementsOf(newestFirst());
    }

    @Test
    void whatHasNoMessageStandsWhereItWasMade() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(
                List.of(conversation("s1", "2026-03-01T10:00:00.000Z"), conversation("s3", "2026-03-03T10:00:00.000Z"),
                        Map.of("id", "s2", "createdAt", "2026-03-02T10:00:00.000Z"),
                        Map.of("id", "s4", "createdAt", "2026-03-03T10:00:00.000Z")));

        // When
        List<JsonNode> pages = pages(caller, 1, false);

        // Then
        assertThat(pages.stream().flatMap(page -> Json.texts(page.path("conversations"), "id").stream()))
                .containsExactly("s4", "s3", "s2", "s1");
    }

    @Test
    void aConversationThatIsMadeMeanwhileMovesNothing() {
        // Given
        Caller caller = callerWithConversations();
        JsonNode cursor = Json.of(get(caller, 10, true, null, null)).at("/meta/nextCursor");
        caller.hasUploaded(List.of(conversation("new", "2026-06-01T10:00:00.000Z")));

        // When
        Response response = get(caller, 10, true, cursor.path("ts").textValue(), cursor.path("id").textValue());

        // Then
        assertThat(Json.texts(Json.of(response).path("conversations"), "id")).isEqualTo(newestFirst().subList(10, 20));
    }

    @Test
    void aLargePageIsWrittenInPartsAndEndsEarlyRatherThanLeaveAnythingOut() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(
                List.of(conversation("s1", "2026-03-01T10:00:00.000Z"), conversation("s2", "2026-03-02T10:00:00.000Z"),
                        conversation("s3", "2026-03-03T10:00:00.000Z")));
        Sql.rows("""
                insert into public.chat_messages (user_id, id, session_id, role, content, message_timestamp)
                select ?, 'm' || n, 's' || (n % 2 + 2), 'user', repeat('a', 12 << 20), '2026-02-01 10:00:00Z'
                  from generate_series(1, 6) n
                """, caller.id());

        // When
        List<JsonNode> pages = pages(caller, 3, false);

        // Then
        assertThat(pages).extracting(page -> Json.texts(page.path("conversations"), "id"))
                .containsExactly(List.of("s3"), List.of("s2", "s1"));
        assertThat(Json.texts(pages.get(0).at("/conversations/0/messages"), "id")).containsExactly("s3-a", "m1", "m3", "m5",
                "s3-b");
        caller.clearAll().then().statusCode(200);
    }

    @Test
    void nothingOfOthersIsInAPage() {
        // Given
        Caller ada = callerWithConversations();
        Caller bob = Caller.fresh();
        bob.hasUploaded(List.of(conversation("bobs", "2026-01-01T10:00:00.000Z")));
        JsonNode cursor = Json.of(get(ada, 1, false, null, null)).at("/meta/nextCursor");

        // When
        Response response = get(bob, 10, false, cursor.path("ts").textValue(), cursor.path("id").textValue());

        // Then
        assertThat(Json.texts(Json.of(response).path("conversations"), "id")).containsExactly("bobs");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            limit=0                                  | limit must be greater than or equal to 1
            limit=101                                | limit must be less than or equal to 100
            cursor_ts=yesterday&cursor_id=s1         | cursor_ts must be a time such as 2026-09-01T08:00:00.000Z
            """)
    void aParameterThatIsWrongIsRefused(String query, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request().get("/api/chat/sync?" + query);

        // Then
        assertFields(response, 422, complaint);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            cursor_ts=2026-03-01T10:00:00.000Z       | invalid_cursor
            cursor_id=s1                             | invalid_cursor
            limit=ten                                | invalid_parameter
            summary_only=yes                         | invalid_parameter
            """)
    void aParameterThatCannotBeReadIsRefused(String query, String code) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response response = caller.request().get("/api/chat/sync?" + query);

        // Then
        assertProblem(response, 422, code);
    }

    @ParameterizedTest
    @ValueSource(strings = { "limit=5", "summary_only=true" })
    void aRequestWithoutATokenIsRefused(String query) {
        // When
        Response response = RestAssured.get("/api/chat/sync?" + query);

        // Then
        assertProblem(response, 401, "unauthorized");
    }

    /** Some have their last messages at the same time; the times of their changes are in another order. */
    private static Caller callerWithConversations() {
        Caller caller = Caller.fresh();
        List<Map<String, Object>> conversations = new ArrayList<>();
        for (int number = 0; number < CONVERSATIONS; number++) {
            conversations.add(conversation("s%02d".formatted(number), "2026-03-%02dT10:00:00.000Z".formatted(1 + number / 2)));
        }
        Collections.shuffle(conversations, new Random(1));
        caller.hasUploaded(conversations);
        return caller;
    }

    private static List<String> newestFirst() {
        return IntStream.range(0, CONVERSATIONS).mapToObj(number -> "s%02d".formatted(CONVERSATIONS - 1 - number)).toList();
    }

    private static Map<String, Object> conversation(String id, String last) {
        return Map.of("id", id, "createdAt", "2026-02-01T09:00:00.000Z", "messages", List.of(
                Map.of("id", id + "-b", "role", "user", "content", "Last", "timestamp", last),
                Map.of("id", id + "-a", "role", "user", "content", "First", "timestamp", "2026-02-01T10:00:00.000Z")));
    }

    private static List<JsonNode> pages(Caller caller, int limit, boolean summaries) {
        List<JsonNode> pages = new ArrayList<>();
        JsonNode cursor = null;
        do {
            Response response = cursor == null ? get(caller, limit, summaries, null, null)
                    : get(caller, limit, summaries, cursor.path("ts").textValue(), cursor.path("id").textValue());
            assertThat(response.statusCode()).isEqualTo(200);
            pages.add(Json.of(response));
            cursor = pages.get(pages.size() - 1).at("/meta/nextCursor");
            assertThat(pages.get(pages.size() - 1).at("/meta/hasMore").booleanValue()).isEqualTo(cursor.isObject());
            assertThat(pages).as("it goes on").hasSizeLessThanOrEqualTo(CONVERSATIONS);
        } while (cursor.isObject());
        return pages;
    }

    private static Response get(Caller caller, Integer limit, boolean summaries, String time, String id) {
        RequestSpecification request = caller.request();
        if (limit != null) {
            request.queryParam("limit", limit);
        }
        if (summaries) {
            request.queryParam("summary_only", true);
        }
        if (time != null) {
            request.queryParam("cursor_ts", time).queryParam("cursor_id", id);
        }
        return request.get("/api/chat/sync");
    }
}
