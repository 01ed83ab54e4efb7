package dev.chatkeep.sync;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Lisbon;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.http.ContentType;
import io.restassured.response.Response;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class SyncResourceIT {

    private static final DateTimeFormatter MILLIS = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSS'Z'");

    private static final String LISBON = """
            {"id": "s1", "title": "A week in Lisbon", "createdAt": "2026-03-01T09:59:00.000Z",
             "updatedAt": "2026-03-01T10:00:02.000Z", "messages": [
               {"id": "m1", "role": "user", "content": "What should I see in Lisbon?",
                "timestamp": "2026-03-01T10:00:00.000Z", "input_tokens": 7, "total_tokens": 7},
               {"id": "m2", "role": "assistant", "content": "Alfama first.", "timestamp": "2026-03-01T10:00:01.530Z",
                "model": "openai/gpt-4o-mini", "output_tokens": 4, "total_tokens": 11, "user_message_id": "m1",
                "contentType": "text", "elapsed_time": 1.53, "elapsed_ms": 1530, "completion_id": "gen-1"}]}
            """;

    @Test
    void aLargeDownloadIsTheSameInPartsAsASmallOne() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON, "{\"id\": \"s2\"}"));
        JsonNode small = Json.of(caller.download()).path("conversations");
        Sql.rows("""
                insert into public.chat_messages (user_id, id, session_id, role, content, message_timestamp)
                select ?, 'm' || lpad(n::text, 5, '0'), 's2', 'user', repeat('é', 900),
                       timestamptz '2026-03-01 10:00:00Z' + n * interval '1 second'
                  from generate_series(1, 1300) n
                """, caller.id());

        // When
        Response answer = caller.download();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        JsonNode large = Json.of(answer).path("conversations");
        assertThat(Json.texts(large, "id")).containsExactly("s2", "s1");
        assertThat(large.get(1)).isEqualTo(find(small, "s1"));
        assertThat(Json.texts(large.get(0).path("messages"), "id"))
                .isEqualTo(IntStream.rangeClosed(1, 1300).mapToObj("m%05d"::formatted).toList());
        assertThat(large.get(0).path("messageCount").intValue()).isEqualTo(1300);
        assertThat(fieldNames(large.get(0))).isEqualTo(fieldNames(small.get(0)));
        caller.clearAll().then().statusCode(200);
    }

    @Test
    void anUploadReportsWhatBecameOfEachConversation() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, LISBON, "{\"id\": \"s2\"}");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.of(answer).path("syncTime").textValue())
                .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{3})?Z");
        assertThat(Json.without(Json.of(answer), "syncTime")).isEqualTo(Json.of("""
                {"success": true,
                 "results": {"synced": 2, "errors": 0, "details": [
                   {"conversationId": "s1", "status": "synced", "messageCount": 2},
                   {"conversationId": "s2", "status": "synced", "messageCount": 0}]}}
                """));
    }

    @Test
    void anUploadIsStoredCountedAndUsed() {
        // Given
        Caller caller = Caller.fresh();

        // When
        upload(caller, LISBON).then().statusCode(200);

        // Then
        assertThat(Stored.of(caller)).isEqualTo(Lisbon.stored(caller, "A week in Lisbon"));
    }

    @Test
    void aDownloadIsWhatWasUploaded() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));

        // When
        Response answer = caller.download();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.of(answer).path("syncTime").textValue()).endsWith("Z");
        assertThat(Json.without(Json.of(answer), "syncTime")).isEqualTo(Json.of("""
                {"conversations": [
                  {"id": "s1", "title": "A week in Lisbon", "userId": "%s", "messages": %s,
                   "createdAt": "2026-03-01T09:59:00.000Z", "updatedAt": "2026-03-01T10:00:02.000Z", "messageCount": 2,
                   "totalTokens": 18, "lastModel": "openai/gpt-4o-mini", "lastMessagePreview": "Alfama first.",
                   "lastMessageTimestamp": "2026-03-01T10:00:01.530Z", "isActive": true}]}
                """, caller.id(), Json.of(LISBON).path("messages")));
    }

    @Test
    void aUserWithoutConversationsGetsAnEmptyDownload() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.download();

        // Then
        assertThat(Json.without(Json.of(answer), "syncTime")).isEqualTo(Json.of("{\"conversations\": []}"));
        assertThat(Stored.versions(caller)).isNull();
    }

    @Test
    void aDownloadHoldsTheTenNewestOfTheCallerWithTheirMessagesInTimeOrder() {
        // Given
        Caller caller = Caller.fresh();
        Caller other = Caller.fresh();
        List<String> conversations = new ArrayList<>();
        for (int number = 0; number < 12; number++) {
            conversations.add("""
                    {"id": "s%1$02d", "updatedAt": "2026-03-%2$02dT00:00:00Z", "messages": [
                      {"id": "s%1$02d-c", "role": "user", "content": "", "timestamp": "2026-02-01T10:00:02Z"},
                      {"id": "s%1$02d-b", "role": "user", "content": "", "timestamp": "2026-02-01T10:00:01Z"},
                      {"id": "s%1$02d-a", "role": "user", "content": "", "timestamp": "2026-02-01T10:00:02Z"}]}
                    """.formatted(number, 1 + number));
        }
        Collections.shuffle(conversations);
        granted(upload(caller, conversations.toArray(String[]::new)));
        granted(upload(other, "{\"id\": \"other\", \"updatedAt\": \"2026-04-01T00:00:00Z\"}"));

        // When
        Response answer = caller.download();

        // Then
        JsonNode downloaded = Json.of(answer).path("conversations");
        assertThat(Json.texts(downloaded, "id")).containsExactly("s11", "s10", "s09", "s08", "s07", "s06", "s05", "s04", "s03",
                "s02");
        assertThat(downloaded).allSatisfy(conversation -> assertThat(Json.texts(conversation.path("messages"), "id"))
                .containsExactly(conversation.path("id").textValue() + "-b", conversation.path("id").textValue() + "-c",
                        conversation.path("id").textValue() + "-a"));
    }

    @Test
    void whatWasDownloadedCanBeUploadedAgainAndWritesNothing() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        caller.hasSession("s2", "Now");
        caller.hasMessage("s2", Map.of("id", "m3", "role", "user", "content", "Hello"));
        JsonNode downloaded = Json.of(caller.download()).path("conversations");
        String before = Stored.versions(caller);

        // When
        Response answer = caller.request().body("{\"conversations\": " + downloaded + "}").post("/api/chat/sync");

        // Then
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(2);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void fiveHundredConversationsAreStoredInOneRequest() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, Object>> conversations = conversations(500);

        // When
        Response answer = caller.upload(conversations);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(500);
        assertThat(answer.<Integer> path("results.errors")).isZero();
        assertThat(answer.<List<String>> path("results.details.conversationId"))
                .isEqualTo(conversations.stream().map(conversation -> conversation.get("id")).toList());
        assertThat(Sql.rows("""
                select count(*) as sessions, sum(message_count)::int as counted, sum(total_tokens)::int as tokens,
                       count(*) filter (where message_count = 4 and total_tokens = 40 and last_model = 'model-1') as exact
                  from chat_sessions where user_id = ?
                """, caller.id())).containsExactly(Map.of("sessions", 500L, "counted", 2000, "tokens", 20_000, "exact", 500L));
        assertThat(Stored.of(caller, "messages")).hasSize(2000);
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 1000, "messages_received": 1000, "input_tokens": 8000, "output_tokens": 12000,
                 "total_tokens": 20000, "sessions_created": 500, "models_used": {"model-1": 1000}}
                """));
    }

    @Test
    void theSameUploadAgainWritesNothing() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, Object>> conversations = conversations(50);
        caller.hasUploaded(conversations);
        String before = Stored.versions(caller);

        // When
        Response answer = caller.upload(conversations);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(50);
        assertThat(answer.<Integer> path("results.errors")).isZero();
        assertThat(answer.<List<Integer>> path("results.details.messageCount")).hasSize(50).containsOnly(4);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void aYearOfHistoryKeepsItsTimesAndItsOrder() {
        // Given
        Caller caller = Caller.fresh();
        OffsetDateTime first = OffsetDateTime.of(2025, 3, 1, 8, 0, 0, 0, ZoneOffset.UTC);
        List<Map<String, Object>> conversations = new ArrayList<>();
        IntStream.range(0, 52).forEach(week -> conversations.add(Map.of("id", "s%02d".formatted(week),
                "createdAt", MILLIS.format(first.plusWeeks(week)), "updatedAt",
                MILLIS.format(first.plusWeeks(week).plusHours(1)),
                "messages", List.of(Map.of("id", "m" + week, "role", "user", "content", "Hello",
                        "timestamp", MILLIS.format(first.plusWeeks(week).plusMinutes(30)))))));
        Collections.shuffle(conversations);

        // When
        caller.upload(conversations).then().statusCode(200);

        // Then
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "id"))
                .isEqualTo(IntStream.range(0, 52).mapToObj(week -> "s%02d".formatted(51 - week)).toList());
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "created_at"))
                .isEqualTo(IntStream.range(0, 52).mapToObj(week -> MILLIS.format(first.plusWeeks(51 - week))).toList());
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "updated_at"))
                .isEqualTo(IntStream.range(0, 52).mapToObj(week -> MILLIS.format(first.plusWeeks(51 - week).plusHours(1)))
                        .toList());
    }

    @Test
    void timesInTheFutureAreCutToNow() {
        // Given
        Caller caller = Caller.fresh();

        // When
        upload(caller, """
                {"id": "s1", "createdAt": "2999-01-01T00:00:00Z", "updatedAt": "2999-01-02T00:00:00Z"}
                """).then().statusCode(200);

        // Then
        assertThat(Sql.rows("""
                select created_at <= now() as created, updated_at <= now() as updated, last_activity <= now() as active
                  from chat_sessions where user_id = ?
                """, caller.id())).containsExactly(Map.of("created", true, "updated", true, "active", true));
    }

    @Test
    void aConversationWithoutTimesHasThoseOfItsMessages() {
        // Given
        Caller caller = Caller.fresh();

        // When
        upload(caller, """
                {"id": "s1", "messages": [
                  {"id": "m1", "role": "user", "content": "", "timestamp": "2026-03-01T10:00:02Z"},
                  {"id": "m2", "role": "user", "content": "", "timestamp": "2026-03-01T10:00:01Z"},
                  {"id": "m3", "role": "user", "content": "", "timestamp": "2026-03-01T10:00:04Z"},
                  {"id": "m4", "role": "user", "content": "", "timestamp": "2026-03-01T10:00:03Z"}]}
                """).then().statusCode(200);

        // Then
        JsonNode session = Json.of(caller.listSessions()).at("/sessions/0");
        assertThat(session.path("created_at").textValue()).isEqualTo("2026-03-01T10:00:01.000Z");
        assertThat(session.path("updated_at").textValue()).isEqualTo("2026-03-01T10:00:04.000Z");
    }

    @Test
    void aConversationThatChangedHasTheTimeOfTheServer() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        granted(upload(caller, "{\"id\": \"s2\", \"updatedAt\": \"2026-03-02T00:00:00Z\"}"));

        // When
        upload(caller, """
                {"id": "s1", "updatedAt": "2026-03-01T11:00:00.000Z", "createdAt": "2020-01-01T00:00:00Z", "messages": [
                  {"id": "m3", "role": "user", "content": "And then?", "timestamp": "2026-03-01T11:00:00.000Z"}]}
                """).then().statusCode(200);

        // Then
        assertThat(Json.texts(Json.of(caller.listSessions()).path("sessions"), "id")).containsExactly("s1", "s2");
        assertThat(Sql
                .rows("""
                        select created_at = '2026-03-01T09:59:00Z' as created_kept, updated_at > '2026-03-02T00:00:00Z' as updated_moved,
                               last_activity = updated_at as activity_moved, message_count, title
                          from chat_sessions where user_id = ? and id = 's1'
                        """,
                        caller.id()))
                .containsExactly(Map.of("created_kept", true, "updated_moved", true, "activity_moved", true,
                        "message_count", 3, "title", "A week in Lisbon"));
    }

    @Test
    void aDeviceThatHasNotSeenARenameDoesNotUndoIt() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        caller.hasRenamed("s1", "Ten days in Lisbon");
        String before = Stored.versions(caller);

        // When
        Response answer = upload(caller, LISBON);

        // Then
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(1);
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Ten days in Lisbon");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @ParameterizedTest
    @ValueSource(strings = { "", ", \"updatedAt\": null", ", \"updatedAt\": \"2999-01-01T00:00:00Z\"",
            ", \"updatedAt\": \"2026-03-01T10:00:02.000001Z\"" })
    void aChangedTitleReplacesTheStoredOne(String updatedAt) {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));

        // When
        upload(caller, "{\"id\": \"s1\", \"title\": \"Ten days in Lisbon\"" + updatedAt + "}").then().statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Ten days in Lisbon");
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"title\": \"Old\", \"updatedAt\": \"2026-03-01T10:00:02Z\"",
            "\"title\": \"Old\", \"updatedAt\": \"2026-03-01T10:00:02+02:00\"", "\"title\": \"\"", "\"title\": null",
            "\"messages\": []" })
    void aTitleThatIsNotNewerIsIgnored(String fields) {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        String before = Stored.versions(caller);

        // When
        upload(caller, "{\"id\": \"s1\", " + fields + "}").then().statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("A week in Lisbon");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void aConversationWithoutATitleIsCalledNewChat() {
        // Given
        Caller caller = Caller.fresh();

        // When
        upload(caller, "{\"id\": \"s1\"}", "{\"id\": \"s2\", \"title\": \"\"}", "{\"id\": \"s3\", \"title\": null}").then()
                .statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("New Chat", "New Chat", "New Chat");
    }

    @Test
    void whatChangedInAMessageIsCorrectedAndUsageCountsTheDifference() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));

        // When
        upload(caller,
                LISBON.replace("\"output_tokens\": 4, \"total_tokens\": 11", "\"output_tokens\": 9, \"total_tokens\": 16")
                        .replace("Alfama first.", "Belem first."))
                .then().statusCode(200);

        // Then
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("""
                [{"id": "s1", "title": "A week in Lisbon", "message_count": 2, "total_tokens": 23,
                  "last_model": "openai/gpt-4o-mini", "last_message_preview": "Belem first.",
                  "last_message_timestamp": "2026-03-01T10:00:01.530Z", "is_active": true}]
                """));
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 1, "messages_received": 1, "input_tokens": 7, "output_tokens": 9, "total_tokens": 16,
                 "sessions_created": 1, "models_used": {"openai/gpt-4o-mini": 1}}
                """));
    }

    @Test
    void uploadingADeletedConversationAgainStoresItWithoutCountingIt() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        JsonNode before = Stored.of(caller);
        caller.hasDeleted("s1");

        // When
        upload(caller, LISBON).then().statusCode(200);

        // Then
        assertThat(Stored.of(caller)).isEqualTo(before);
    }

    @Test
    void theCountsOfTheClientAreIgnored() {
        // Given
        Caller caller = Caller.fresh();

        // When
        upload(caller, """
                {"id": "s1", "messageCount": 99, "totalTokens": 12345, "lastModel": "no-model",
                 "lastMessagePreview": "No message", "lastMessageTimestamp": "2026-05-01T00:00:00Z", "isActive": false,
                 "messages": [{"id": "m1", "role": "user", "content": "Hello", "timestamp": "2026-03-01T10:00:00Z",
                               "input_tokens": 2}]}
                """).then().statusCode(200);

        // Then
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("""
                [{"id": "s1", "title": "New Chat", "message_count": 1, "total_tokens": 2, "last_model": null,
                  "last_message_preview": "Hello", "last_message_timestamp": "2026-03-01T10:00:00.000Z", "is_active": true}]
                """));
    }

    @ParameterizedTest
    @ValueSource(strings = { "\"messageCount\": \"many\"", "\"totalTokens\": -1", "\"lastModel\": 5",
            "\"lastMessagePreview\": {\"a\": [null]}", "\"lastMessageTimestamp\": \"yesterday\"", "\"folder\": \"work\"" })
    void unknownFieldsMayHoldAnything(String field) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, "{\"id\": \"s1\", " + field + "}");

        // Then
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(1);
    }

    @Test
    void aConversationMayNameItsOwnUser() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, "{\"id\": \"s1\", \"userId\": \"" + caller.id() + "\"}",
                "{\"id\": \"s2\", \"userId\": \"" + caller.id().toString().toUpperCase() + "\"}",
                "{\"id\": \"s3\", \"userId\": null}");

        // Then
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(3);
        assertThat(Stored.of(caller, "sessions")).hasSize(3);
    }

    @Test
    void aConversationOfAnotherUserIsReportedAndNeverWritten() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        granted(upload(ada, LISBON));
        String before = Stored.versions(ada);

        // When
        Response answer = upload(bob, """
                {"id": "s1", "title": "Taken over", "userId": "%s", "messages": [
                  {"id": "m1", "role": "user", "content": "Taken over"}]}
                """.formatted(ada.id()), "{\"id\": \"s2\"}");

        // Then
        assertThat(Json.of(answer).path("results")).isEqualTo(Json.of("""
                {"synced": 1, "errors": 1, "details": [
                  {"conversationId": "s1", "error": "The conversation belongs to another user."},
                  {"conversationId": "s2", "status": "synced", "messageCount": 0}]}
                """));
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Json.texts(Stored.of(bob, "sessions"), "id")).containsExactly("s2");
    }

    @Test
    void twoUsersMayUploadTheSameIds() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        granted(upload(ada, LISBON));
        String before = Stored.versions(ada);

        // When
        Response answer = upload(bob, LISBON.replace("Alfama", "Belem"));

        // Then
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(1);
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Json.texts(Stored.of(bob, "messages"), "content")).containsExactly("What should I see in Lisbon?",
                "Belem first.");
    }

    @Test
    void aConversationThatIsTwiceInOneRequestIsStoredOneAfterTheOther() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, LISBON, "{\"id\": \"s2\"}", """
                {"id": "s1", "title": "Ten days in Lisbon", "messages": [
                  {"id": "m2", "role": "assistant", "content": "Belem first.", "model": "openai/gpt-4o-mini"},
                  {"id": "m3", "role": "user", "content": "And then?", "timestamp": "2026-03-01T10:01:00.000Z"}]}
                """);

        // Then
        assertThat(Json.of(answer).at("/results/details")).isEqualTo(Json.of("""
                [{"conversationId": "s1", "status": "synced", "messageCount": 2},
                 {"conversationId": "s2", "status": "synced", "messageCount": 0},
                 {"conversationId": "s1", "status": "synced", "messageCount": 3}]
                """));
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Ten days in Lisbon", "New Chat");
        assertThat(Json.texts(Stored.of(caller, "messages"), "content")).containsExactly("What should I see in Lisbon?",
                "Belem first.", "And then?");
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 2, "messages_received": 1, "input_tokens": 7, "output_tokens": 4, "total_tokens": 11,
                 "sessions_created": 2, "models_used": {"openai/gpt-4o-mini": 1}}
                """));
    }

    @Test
    void ofTwoMessagesWithTheSameIdTheLastCounts() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, """
                {"id": "s1", "messages": [
                  {"id": "m1", "role": "user", "content": "First", "input_tokens": 5, "timestamp": "2026-03-01T10:00:00Z"},
                  {"id": "m2", "role": "user", "content": "Between", "input_tokens": 1, "timestamp": "2026-03-01T10:00:01Z"},
                  {"id": "m1", "role": "user", "content": "Last", "input_tokens": 2, "timestamp": "2026-03-01T10:00:02Z"}]}
                """);

        // Then
        assertThat(Json.of(answer).at("/results/details")).isEqualTo(Json.of("""
                [{"conversationId": "s1", "status": "synced", "messageCount": 2}]
                """));
        assertThat(Json.texts(Stored.of(caller, "messages"), "content")).containsExactly("Last", "Between");
        assertThat(Stored.of(caller, "usage").path("messages_sent").intValue()).isEqualTo(2);
        assertThat(Stored.of(caller, "usage").path("input_tokens").intValue()).isEqualTo(3);
    }

    @Test
    void aMessageOfAnotherConversationIsNotMoved() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, LISBON));
        String before = Stored.versions(caller);

        // When
        Response answer = upload(caller, """
                {"id": "s2", "messages": [{"id": "m1", "role": "user", "content": "Moved"}]}
                """);

        // Then
        assertThat(Json.of(answer).at("/results/details")).isEqualTo(Json.of("""
                [{"conversationId": "s2", "error": "A message of it belongs to another conversation."}]
                """));
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void ofTwoConversationsWithTheSameMessageTheFirstHasIt() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, """
                {"id": "s2", "messages": [{"id": "m1", "role": "user", "content": "First"}]}
                """, """
                {"id": "s1", "messages": [{"id": "m1", "role": "user", "content": "Second"}]}
                """);

        // Then
        assertThat(Json.of(answer).at("/results/details")).isEqualTo(Json.of("""
                [{"conversationId": "s2", "status": "synced", "messageCount": 1},
                 {"conversationId": "s1", "error": "A message of it belongs to another conversation."}]
                """));
        assertThat(Json.texts(Stored.of(caller, "sessions"), "id")).containsExactly("s2");
        assertThat(Json.texts(Stored.of(caller, "messages"), "content")).containsExactly("First");
    }

    @Test
    void failedMessagesAreStoredAndNotCounted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, """
                {"id": "s1", "messages": [
                  {"id": "m1", "role": "user", "content": "Hello", "input_tokens": 1, "timestamp": "2026-03-01T10:00:00.000Z"},
                  {"id": "m2", "role": "assistant", "content": "", "model": "model-1", "output_tokens": 8, "error": true,
                   "timestamp": "2026-03-01T10:00:01.000Z"}]}
                """);

        // Then
        assertThat(answer.<List<Integer>> path("results.details.messageCount")).containsExactly(1);
        assertThat(Stored.of(caller, "messages")).hasSize(2);
        assertThat(Json.of(caller.download()).at("/conversations/0/messages/1/error").booleanValue()).isTrue();
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 1, "messages_received": 0, "input_tokens": 1, "output_tokens": 0, "total_tokens": 1,
                 "sessions_created": 1, "models_used": {}}
                """));
    }

    @Test
    void textIsKeptToTheByteAndHalfASurrogatePairIsReplaced() {
        // Given
        Caller caller = Caller.fresh();
        String text = "e\\u0301 \\uD83D\\uDE00 \\r\\n \\u202E\\u0645 \\u4E2D \\uFEFF\\uFFFF \\\\ \\\" \\u0001";
        String half = "cut \\uD83D";

        // When
        upload(caller, """
                {"id": "s1", "title": "%1$s", "messages": [{"id": "m1", "role": "user", "content": "%1$s"}]}
                """.formatted(text), """
                {"id": "s2", "title": "%1$s", "messages": [{"id": "m2", "role": "user", "content": "%1$s"}]}
                """.formatted(half)).then().statusCode(200);

        // Then
        String expected = "e\u0301 \uD83D\uDE00 \r\n \u202E\u0645 \u4E2D \uFEFF\uFFFF \\ \" \u0001";
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly(expected, "cut \uFFFD");
        assertThat(Json.texts(Stored.of(caller, "messages"), "content")).containsExactly(expected, "cut \uFFFD");
    }

    @Test
    void twoDevicesThatSyncTheSameConversationsAtOnceNeitherLoseNorDuplicateAnything() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        CyclicBarrier together = new CyclicBarrier(2);
        Callable<List<Response>> phone = device(caller, together, 0, 4);
        Callable<List<Response>> laptop = device(caller, together, 2, 6);

        // When
        List<List<Response>> answers = allAtOnce(List.of(phone, laptop));

        // Then
        assertThat(answers).flatMap(ofOneDevice -> ofOneDevice).hasSize(40).allSatisfy(answer -> {
            assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
            assertThat(answer.<Integer> path("results.errors")).as(answer.asString()).isZero();
            assertThat(answer.<Integer> path("results.synced")).isEqualTo(4);
        });
        assertThat(Sql.rows("select id, message_count, total_tokens, last_message_preview from chat_sessions"
                + " where user_id = ? order by id", caller.id()))
                .isEqualTo(IntStream.range(0, 6).mapToObj(number -> Map.of("id", "s" + number, "message_count", 40,
                        "total_tokens", 100L, "last_message_preview", "Answer 19")).toList());
        assertThat(Stored.of(caller, "messages")).hasSize(240);
        assertThat(Stored.of(caller, "usage")).isEqualTo(Json.of("""
                {"messages_sent": 120, "messages_received": 120, "input_tokens": 240, "output_tokens": 360,
                 "total_tokens": 600, "sessions_created": 6, "models_used": {"model-1": 120}}
                """));
        assertThat(Stored.of(caller, "profile").path("usage_stats")).isEqualTo(Json.of("""
                {"total_messages": 240, "total_tokens": 600, "sessions_created": 6}
                """));
    }

    @Test
    void anEmptyUploadIsNoError() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.upload(List.of());

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer).path("results")).isEqualTo(Json.of("{\"synced\": 0, \"errors\": 0, \"details\": []}"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {}                      | conversations is missing
            {"conversations": null} | conversations is missing
            {"sessions": []}        | conversations is missing
            null                    | body is missing
            """)
    void anUploadWithoutConversationsIsRefused(String body, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sync");

        // Then
        assertFields(answer, 400, complaint);
    }

    @Test
    void anUploadWithoutABodyIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().post("/api/chat/sync");

        // Then
        assertFields(answer, 400, "body is missing");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"conversations": {"id": "s1"}} | conversations has the wrong type
            {"conversations": "s1"}         | conversations has the wrong type
            {"conversations": 1}            | conversations has the wrong type
            []                              | has the wrong type
            "s1"                            | has the wrong type
            """)
    void anUploadOfTheWrongShapeIsRefused(String body, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sync");

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"conversations\": [", "{\"conversations\": []} x", "{conversations: []}", "x" })
    void anUploadThatIsNotJsonIsRefused(String body) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sync");

        // Then
        assertProblem(answer, 400, "invalid_request");
    }

    @Test
    void anUploadOfTooManyConversationsIsRefused() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.upload(Collections.nCopies(10_001, Map.of("id", "s1")));

        // Then
        assertFields(answer, 422, "conversations must be at most 10000");
        assertThat(Stored.of(caller, "sessions")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "GET", "POST" })
    void aSlashAtTheEndOfThePathIsAccepted(String method) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body("{\"conversations\": []}").request(method, "/api/chat/sync/");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "GET", "POST" })
    void aRequestWithoutATokenIsRefused(String method) {
        // Given
        String body = "{\"conversations\": [" + LISBON + "]}";

        // When
        Response answer = RestAssured.given().contentType(ContentType.JSON).body(body).request(method, "/api/chat/sync");

        // Then
        assertProblem(answer, 401, "unauthorized");
    }

    private static Response upload(Caller caller, String... conversations) {
        return caller.request().body("{\"conversations\": [" + String.join(", ", conversations) + "]}").post("/api/chat/sync");
    }

    private static List<Map<String, Object>> conversations(int count) {
        List<Map<String, Object>> conversations = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            conversations.add(Map.of("id", "s" + number, "title", "Conversation " + number,
                    "createdAt", "2026-03-01T10:00:00.000Z", "updatedAt", "2026-03-01T10:00:04.000Z",
                    "messages", List.of(question("s" + number + "-1", 1, 8), answer("s" + number + "-2", 2, 12),
                            question("s" + number + "-3", 3, 8), answer("s" + number + "-4", 4, 12))));
        }
        return conversations;
    }

    private static Map<String, Object> question(String id, int second, int tokens) {
        return Map.of("id", id, "role", "user", "content", "Question", "input_tokens", tokens,
                "timestamp", "2026-03-01T10:00:%02d.000Z".formatted(second));
    }

    private static Map<String, Object> answer(String id, int second, int tokens) {
        return Map.of("id", id, "role", "assistant", "content", "Answer", "model", "model-1", "output_tokens", tokens,
                "timestamp", "2026-03-01T10:00:%02d.000Z".formatted(second), "contentType", "markdown", "elapsed_time", 0.25);
    }

    /** Uploads four conversations twenty times, each time with one more question and its answer in all of them. */
    private static Callable<List<Response>> device(Caller caller, CyclicBarrier together, int from, int to) {
        return () -> {
            List<Response> answers = new ArrayList<>();
            for (int round = 0; round < 20; round++) {
                List<Map<String, Object>> conversations = new ArrayList<>();
                for (int number = from; number < to; number++) {
                    List<Map<String, Object>> messages = new ArrayList<>();
                    for (int said = 0; said <= round; said++) {
                        messages.add(question("s" + number + "-q" + said, 2 * said, 2));
                        Map<String, Object> answer = new HashMap<>(answer("s" + number + "-a" + said, 2 * said + 1, 3));
                        answer.put("content", "Answer " + said);
                        messages.add(answer);
                    }
                    conversations.add(Map.of("id", "s" + number, "title", "Conversation", "messages", messages));
                }
                if (from > 0) {
                    Collections.reverse(conversations);
                }
                together.await();
                answers.add(caller.upload(conversations));
            }
            return answers;
        };
    }

    private static JsonNode find(JsonNode conversations, String id) {
        for (JsonNode conversation : conversations) {
            if (conversation.path("id").textValue().equals(id)) {
                return conversation;
            }
        }
        throw new AssertionError("There is no " + id);
    }

    private static List<String> fieldNames(JsonNode object) {
        List<String> names = new ArrayList<>();
        object.fieldNames().forEachRemaining(names::add);
        return names;
    }
}
