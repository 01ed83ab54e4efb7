package dev.chatkeep.session;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
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
class SessionResourceIT {

    private static final String[] TIMES = { "created_at", "updated_at", "last_activity" };
    private static final String EMOJI = "\uD83D\uDE00";

    @Test
    void creatingASessionReturnsItsRow() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.createSession("s1", "A title");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        JsonNode body = Json.of(answer);
        assertThat(Json.without(body, "session")).isEqualTo(Json.of("{\"success\": true}"));
        assertThat(Json.without(body.path("session"), TIMES)).isEqualTo(Json.of("""
                {"id": "s1", "user_id": "%s", "title": "A title", "message_count": 0, "total_tokens": 0,
                 "last_model": null, "last_message_preview": null, "last_message_timestamp": null, "is_active": true}
                """, caller.id()));
        assertThat(rowsWithTimes(caller, body.path("session"))).containsExactly(Map.of("id", "s1"));
    }

    @Test
    void aNewSessionIsStoredWithItsUserAndCounted() {
        // Given
        Caller caller = Caller.fresh();

        // When
        caller.createSession("s1", "A title").then().statusCode(201);

        // Then
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 0, "total_tokens": 0, "sessions_created": 1}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}}],
                 "sessions": [{"id": "s1", "title": "A title", "message_count": 0, "total_tokens": 0, "last_model": null,
                               "last_message_preview": null, "last_message_timestamp": null, "is_active": true}],
                 "messages": [],
                 "usage": {"messages_sent": 0, "messages_received": 0, "input_tokens": 0, "output_tokens": 0,
                           "total_tokens": 0, "sessions_created": 1, "models_used": {}}}
                """, caller.id()));
    }

    @ParameterizedTest
    @ValueSource(strings = { "{\"id\": \"s1\"}", "{\"id\": \"s1\", \"title\": null}", "{\"id\": \"s1\", \"title\": \"\"}" })
    void aSessionWithoutATitleIsCalledNewChat(String body) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.<String> path("session.title")).isEqualTo("New Chat");
        assertThat(Sql.<String> value("select title from chat_sessions where user_id = ?", caller.id())).isEqualTo("New Chat");
    }

    @Test
    void repeatingTheRequestGetsTheSameResponseAndWritesNothing() {
        // Given
        Caller caller = Caller.fresh();
        JsonNode first = Json.of(caller.createSession("s1", "A title"));
        String before = Stored.versions(caller);

        // When
        Response again = caller.createSession("s1", "A title");

        // Then
        assertThat(again.statusCode()).isEqualTo(201);
        assertThat(Json.of(again)).isEqualTo(first);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void creatingAnExistingSessionWithoutATitleReturnsIt() {
        // Given
        Caller caller = Caller.fresh();
        JsonNode first = Json.of(caller.createSession("s1", "A title"));

        // When
        Response again = caller.request().body("{\"id\": \"s1\"}").post("/api/chat/sessions");

        // Then
        assertThat(again.statusCode()).isEqualTo(201);
        assertThat(Json.of(again)).isEqualTo(first);
    }

    @Test
    void anotherTitleForATakenIdIsAConflictAndWritesNothing() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");
        String before = Stored.versions(caller);

        // When
        Response answer = caller.createSession("s1", "Another title");

        // Then
        assertProblem(answer, 409, "session_exists");
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void theSameRequestFromManyDevicesAtOnceCreatesOneSession() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        Callable<JsonNode> create = () -> Json.of(caller.createSession("s1", "A title"));

        // When
        List<JsonNode> answers = allAtOnce(Collections.nCopies(8, create));

        // Then
        assertThat(answers).hasSize(8).allMatch(answer -> answer.path("success").booleanValue());
        assertThat(answers).containsOnly(answers.get(0));
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(1);
        assertThat(Stored.of(caller, "activity")).hasSize(1);
    }

    @Test
    void twoUsersMayHaveTheSameId() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");

        // When
        Response answer = bob.createSession("s1", "Bob's");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.<String> path("session.user_id")).isEqualTo(bob.id().toString());
        assertThat(Json.texts(Stored.of(ada, "sessions"), "title")).containsExactly("Ada's");
        assertThat(Json.texts(Stored.of(bob, "sessions"), "title")).containsExactly("Bob's");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{}", "{\"title\": \"A title\"}", "{\"id\": null}" })
    void aSessionWithoutAnIdIsRefused(String body) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sessions");

        // Then
        assertFields(answer, 400, "id is missing");
        assertThat(Stored.of(caller, "sessions")).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            {"id": ""}                          | id must not be empty
            {"id": 5}                           | id has the wrong type
            {"id": true}                        | id has the wrong type
            {"id": {}}                          | id has the wrong type
            {"id": ["s1"]}                      | id has the wrong type
            {"id": "a\\u0000b"}                 | id must not hold the character NUL
            {"id": "s1", "title": 5}            | title has the wrong type
            {"id": "s1", "title": 1.5}          | title has the wrong type
            {"id": "s1", "title": ["A title"]}  | title has the wrong type
            {"id": "s1", "title": "a\\u0000b"}  | title must not hold the character NUL
            []                                  | has the wrong type
            "s1"                                | has the wrong type
            """)
    void aWrongFieldOfANewSessionIsRefused(String body, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body(body).post("/api/chat/sessions");

        // Then
        assertFields(answer, 422, complaint);
        assertThat(Stored.of(caller, "sessions")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "\u00FC", "\u5B57", EMOJI })
    void anIdAndATitleHave255CharactersAtTheMost(String character) {
        // Given
        Caller caller = Caller.fresh();
        String text = character.repeat(255);

        // When
        Response answer = caller.createSession(text, text);

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Sql.rows("select id, title from chat_sessions where user_id = ?", caller.id()))
                .containsExactly(Map.of("id", text, "title", text));
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "\u00FC", "\u5B57", EMOJI })
    void anIdOf256CharactersIsRefused(String character) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.createSession(character.repeat(256), "A title");

        // Then
        assertFields(answer, 422, "id must have at most 255 characters");
        assertThat(Stored.of(caller, "sessions")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "\u00FC", "\u5B57", EMOJI })
    void aTitleOf256CharactersIsRefused(String character) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.createSession("s1", character.repeat(256));

        // Then
        assertFields(answer, 422, "title must have at most 255 characters");
        assertThat(Stored.of(caller, "sessions")).isEmpty();
    }

    @Test
    void halfASurrogatePairInATitleBecomesTheReplacementCharacter() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body("{\"id\": \"s1\", \"title\": \"cut \\ud83d\"}").post("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.of(answer).at("/session/title").textValue()).isEqualTo("cut \uFFFD");
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("cut \uFFFD");
    }

    @Test
    void fieldsThatTheServiceDoesNotKnowAreIgnored() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().body("""
                {"id": "s1", "title": "A title", "user_id": "11111111-1111-1111-1111-111111111111", "message_count": 7,
                 "is_active": false, "created_at": "2020-01-01T00:00:00Z", "folder": {"name": ["work", null, 1e3]}}
                """).post("/api/chat/sessions");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(Json.without(Json.of(answer).path("session"), TIMES)).isEqualTo(Json.of("""
                {"id": "s1", "user_id": "%s", "title": "A title", "message_count": 0, "total_tokens": 0,
                 "last_model": null, "last_message_preview": null, "last_message_timestamp": null, "is_active": true}
                """, caller.id()));
    }

    @Test
    void aUserWithoutSessionsHasAnEmptyListAndReadingItStoresNothing() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.listSessions();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.contentType()).isEqualTo("application/json;charset=UTF-8");
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"sessions\": [], \"count\": 0, \"next_cursor\": null}"));
        assertThat(Stored.versions(caller)).isNull();
    }

    @Test
    void aSessionIsListedAsItsRow() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(Map.of("id", "s1", "title", "A title",
                "createdAt", "2026-03-01T09:00:00.000Z", "updatedAt", "2026-03-02T10:30:00.123456Z", "messages",
                List.of(Map.of("id", "m1", "role", "assistant", "content", "An answer", "model", "model-1", "total_tokens", 7,
                        "timestamp", "2026-03-02T10:29:59.500Z")))));

        // When
        Response answer = caller.listSessions();

        // Then
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"sessions": [{"id": "s1", "user_id": "%s", "title": "A title", "message_count": 1, "total_tokens": 7,
                               "last_model": "model-1", "last_message_preview": "An answer",
                               "last_message_timestamp": "2026-03-02T10:29:59.500Z", "is_active": true,
                               "created_at": "2026-03-01T09:00:00.000Z", "updated_at": "2026-03-02T10:30:00.123456Z",
                               "last_activity": "2026-03-02T10:30:00.123456Z"}],
                 "count": 1, "next_cursor": null}
                """, caller.id()));
    }

    @Test
    void sessionsAreListedNewestUpdateFirst() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(
                Map.of("id", "s1", "updatedAt", "2026-03-02T00:00:00Z"),
                Map.of("id", "s2", "updatedAt", "2026-03-03T00:00:00Z"),
                Map.of("id", "s3", "updatedAt", "2025-12-31T23:59:59.999Z"),
                Map.of("id", "s4", "updatedAt", "2026-03-03T00:00:00.001+00:00"),
                Map.of("id", "s5", "updatedAt", "2026-03-03T00:00:00+02:00")));

        // When
        Response answer = caller.listSessions();

        // Then
        assertThat(ids(answer)).containsExactly("s4", "s2", "s5", "s1", "s3");
    }

    @Test
    void tiesAreBrokenByTheLastMessageAndThenByTheId() {
        // Given
        Caller caller = Caller.fresh();
        String updatedAt = "2026-03-02T00:00:00Z";
        caller.hasUploaded(List.of(
                Map.of("id", "s1", "updatedAt", updatedAt),
                Map.of("id", "s2", "updatedAt", updatedAt, "messages", List.of(message("m2", "2026-03-01T10:00:00Z"))),
                Map.of("id", "s3", "updatedAt", updatedAt, "messages", List.of(message("m3", "2026-03-01T11:00:00Z"))),
                Map.of("id", "s4", "updatedAt", updatedAt, "messages", List.of(message("m4", "2026-03-01T11:00:00Z"))),
                Map.of("id", "s5", "updatedAt", updatedAt)));

        // When
        Response answer = caller.listSessions();

        // Then
        assertThat(ids(answer)).containsExactly("s4", "s3", "s2", "s5", "s1");
    }

    @Test
    void sessionsOfOthersAreNotListed() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        bob.hasSession("s2", "Bob's");

        // When
        Response answer = bob.listSessions();

        // Then
        assertThat(ids(answer)).containsExactly("s2");
    }

    @Test
    void aNewTitleIsStoredAndMovesTheSessionToTheTopOfTheList() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(
                Map.of("id", "s1", "title", "Old", "createdAt", "2026-03-01T00:00:00Z", "updatedAt", "2026-03-01T00:00:00Z"),
                Map.of("id", "s2", "title", "Other", "updatedAt", "2026-03-02T00:00:00Z")));
        JsonNode before = Stored.of(caller);

        // When
        Response answer = caller.rename("s1", "New");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.without(Json.of(answer), "session")).isEqualTo(Json.of("{\"success\": true}"));
        assertThat(Json.of(answer).at("/session/title").textValue()).isEqualTo("New");
        assertThat(ids(caller.listSessions())).containsExactly("s1", "s2");
        assertThat(Sql.rows(
                """
                        select created_at = '2026-03-01T00:00:00Z' as created_kept, updated_at > '2026-03-02T00:00:00Z' as updated_moved,
                               last_activity = updated_at as activity_moved
                          from chat_sessions where user_id = ? and id = 's1'
                        """,
                caller.id())).containsExactly(Map.of("created_kept", true, "updated_moved", true, "activity_moved", true));
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("New", "Other");
        assertThat(Json.without(Stored.of(caller), "sessions")).isEqualTo(Json.without(before, "sessions"));
    }

    @Test
    void renamingASessionReturnsItAsTheListShowsIt() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasUploaded(List.of(Map.of("id", "s1", "title", "Old", "createdAt", "2026-03-01T00:00:00Z",
                "messages", List.of(message("m1", "2026-03-01T10:00:00Z")))));

        // When
        Response answer = caller.rename("s1", "New");

        // Then
        assertThat(Json.of(answer).path("session")).isEqualTo(Json.of(caller.listSessions()).at("/sessions/0"));
    }

    @Test
    void theOlderPathChangesATitleToo() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Old");

        // When
        Response answer = caller.request().body("{\"id\": \"s1\", \"title\": \"New\"}").post("/api/chat/session");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.without(Json.of(answer).path("session"), TIMES)).isEqualTo(Json.of("""
                {"id": "s1", "user_id": "%s", "title": "New", "message_count": 0, "total_tokens": 0,
                 "last_model": null, "last_message_preview": null, "last_message_timestamp": null, "is_active": true}
                """, caller.id()));
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("New");
    }

    @Test
    void renamingASessionToItsOwnTitleIsNoError() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");

        // When
        Response answer = caller.rename("s1", "A title");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.<String> path("session.title")).isEqualTo("A title");
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "\u00FC", "\u5B57", EMOJI })
    void aNewTitleHas255CharactersAtTheMost(String character) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Old");

        // When
        Response answer = caller.rename("s1", character.repeat(255));

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly(character.repeat(255));
    }

    @ParameterizedTest
    @ValueSource(strings = { "x", "\u00FC", "\u5B57", EMOJI })
    void aNewTitleOf256CharactersIsRefused(String character) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Old");

        // When
        Response answer = caller.rename("s1", character.repeat(256));

        // Then
        assertFields(answer, 422, "title must have at most 255 characters");
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Old");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            PATCH | /api/chat/sessions | {"id": "s1"}                       | 400 | title is missing
            PATCH | /api/chat/sessions | {"id": "s1", "title": null}        | 400 | title is missing
            PATCH | /api/chat/sessions | {"title": "New"}                   | 400 | id is missing
            PATCH | /api/chat/sessions | {"id": null, "title": "New"}       | 400 | id is missing
            POST  | /api/chat/session  | {"id": "s1", "title": ""}          | 422 | title must not be empty
            POST  | /api/chat/session  | {"id": "s1", "title": 5}           | 422 | title has the wrong type
            POST  | /api/chat/session  | {"id": "s1", "title": {}}          | 422 | title has the wrong type
            POST  | /api/chat/session  | {"id": "s1", "title": "a\\u0000b"} | 422 | title must not hold the character NUL
            POST  | /api/chat/session  | {"id": "", "title": "New"}         | 422 | id must not be empty
            POST  | /api/chat/session  | {"id": 1, "title": "New"}          | 422 | id has the wrong type
            POST  | /api/chat/session  | {"id": "\\u0000", "title": "New"}  | 422 | id must not hold the character NUL
            """)
    void aChangeOfTitleWithAFieldThatIsMissingOrWrongIsRefused(String method, String path, String body, int status,
            String complaint) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Old");

        // When
        Response answer = caller.request().body(body).request(method, path);

        // Then
        assertFields(answer, status, complaint);
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("Old");
    }

    @ParameterizedTest
    @CsvSource({ "PATCH, /api/chat/sessions", "POST, /api/chat/session" })
    void aSessionOfSomebodyElseCannotBeRenamed(String method, String path) {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        String before = Stored.versions(ada);

        // When
        Response answer = bob.request().body("{\"id\": \"s1\", \"title\": \"Taken over\"}").request(method, path);

        // Then
        assertProblem(answer, 404, "session_not_found");
        assertThat(Stored.versions(ada)).isEqualTo(before);
        assertThat(Stored.of(bob, "sessions")).isEmpty();
    }

    @Test
    void aDeletedSessionTakesItsMessagesWithItAndUsageStaysCounted() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Deleted");
        caller.hasSession("s2", "Kept");
        caller.hasMessage("s1", message("m1", "2026-03-01T10:00:00Z"));
        caller.hasMessage("s2", message("m2", "2026-03-01T10:00:00Z"));

        // When
        Response answer = caller.delete("s1");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"success\": true, \"message\": \"The session was deleted.\"}"));
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 2, "total_tokens": 6, "sessions_created": 2}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}}],
                 "sessions": [{"id": "s2", "title": "Kept", "message_count": 1, "total_tokens": 3, "last_model": null,
                               "last_message_preview": "Message m2", "last_message_timestamp": "2026-03-01T10:00:00.000Z",
                               "is_active": true}],
                 "messages": [{"id": "m2", "session_id": "s2", "role": "user", "content": "Message m2", "input_tokens": 3,
                               "total_tokens": 3, "message_timestamp": "2026-03-01T10:00:00.000Z"}],
                 "usage": {"messages_sent": 2, "messages_received": 0, "input_tokens": 6, "output_tokens": 0,
                           "total_tokens": 6, "sessions_created": 2, "models_used": {}}}
                """, caller.id()));
    }

    @ParameterizedTest
    @ValueSource(booleans = { false, true })
    void aDeleteThatIsRepeatedSucceedsAgain(boolean cleared) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Deleted");
        granted(cleared ? caller.clearAll() : caller.delete("s1"));
        String before = Stored.versions(caller);

        // When
        Response answer = caller.delete("s1");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("{\"success\": true, \"message\": \"The session was deleted.\"}"));
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void aDayAfterADeleteTheSessionIsUnknown() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Deleted");
        caller.hasDeleted("s1");
        wasDeleted(caller, "s1", "1 day");

        // When
        Response answer = caller.delete("s1");

        // Then
        assertProblem(answer, 404, "session_not_found");
    }

    @Test
    void aDeleteOfSomebodyElseIsNotRepeated() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        ada.hasDeleted("s1");

        // When
        Response answer = bob.delete("s1");

        // Then
        assertProblem(answer, 404, "session_not_found");
    }

    @Test
    void aSessionThatComesBackIsOneLikeAnyOther() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Deleted");
        caller.hasDeleted("s1");
        wasDeleted(caller, "s1", "2 days");
        caller.hasSession("s1", "Back");
        granted(caller.delete("s1"));

        // When
        Response answer = caller.delete("s1");

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Stored.of(caller, "sessions")).isEmpty();
        assertThat(Sql.<Long> value("select (usage_stats ->> 'sessions_created')::bigint from profiles where id = ?",
                caller.id())).isEqualTo(1);
    }

    @Test
    void aSessionOfSomebodyElseCannotBeDeleted() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        ada.hasMessage("s1", message("m1", "2026-03-01T10:00:00Z"));
        String before = Stored.versions(ada);

        // When
        Response answer = bob.delete("s1");

        // Then
        assertProblem(answer, 404, "session_not_found");
        assertThat(Stored.versions(ada)).isEqualTo(before);
    }

    @Test
    void ofTwoSessionsWithTheSameIdTheCallersIsDeleted() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        bob.hasSession("s1", "Bob's");

        // When
        bob.delete("s1").then().statusCode(200);

        // Then
        assertThat(Json.texts(Stored.of(ada, "sessions"), "title")).containsExactly("Ada's");
        assertThat(Stored.of(bob, "sessions")).isEmpty();
    }

    @Test
    void theSessionToDeleteMustBeNamed() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "Kept");

        // When
        Response answer = caller.request().delete("/api/chat/sessions");

        // Then
        assertFields(answer, 400, "id is missing");
        assertThat(Stored.of(caller, "sessions")).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({ "%00, id must not hold the character NUL", "a%00b, id must not hold the character NUL" })
    void theSessionToDeleteMustHaveAValidId(String id, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().urlEncodingEnabled(false).delete("/api/chat/sessions?id=" + id);

        // Then
        assertFields(answer, 422, complaint);
    }

    @Test
    void aSessionToDeleteMustNotHaveAnIdThatIsTooLong() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.delete("x".repeat(256));

        // Then
        assertFields(answer, 422, "id must have at most 255 characters");
    }

    @ParameterizedTest
    @ValueSource(strings = { "a b", "a+b", "a&b=c", "a/b?c#d", "100%", "%41", "'; drop table chat_sessions; --", "\"", "\\",
            "\u00FC\u5B57\u0627" + EMOJI, " " })
    void anyTextMayBeAnId(String id) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession(id, "Old");
        caller.hasSession(id + "x", "Kept");

        // When
        Response answer = caller.delete(id);

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(ids(caller.listSessions())).containsExactly(id + "x");
    }

    @Test
    void clearingDeletesEverySessionOfTheCallerAndUsageStaysCounted() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "One");
        caller.hasSession("s2", "Two");
        caller.hasMessage("s1", message("m1", "2026-03-01T10:00:00Z"));

        // When
        Response answer = caller.clearAll();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"success": true, "message": "2 sessions were deleted.", "deletedCount": 2}
                """));
        assertThat(Stored.of(caller)).isEqualTo(Json.of("""
                {"profile": {"email": "%1$s@example.org", "full_name": "User %1$s", "avatar_url": null,
                             "subscription_tier": "free",
                             "usage_stats": {"total_messages": 1, "total_tokens": 3, "sessions_created": 2}},
                 "activity": [{"action": "profile_created", "resource_type": "profile", "resource_id": "%1$s", "details": {}}],
                 "sessions": [], "messages": [],
                 "usage": {"messages_sent": 1, "messages_received": 0, "input_tokens": 3, "output_tokens": 0,
                           "total_tokens": 3, "sessions_created": 2, "models_used": {}}}
                """, caller.id()));
    }

    @Test
    void clearingLeavesSessionsOfOthersAlone() {
        // Given
        Caller ada = Caller.fresh();
        Caller bob = Caller.fresh();
        ada.hasSession("s1", "Ada's");
        ada.hasMessage("s1", message("m1", "2026-03-01T10:00:00Z"));
        bob.hasSession("s1", "Bob's");
        String before = Stored.versions(ada);

        // When
        Response answer = bob.clearAll();

        // Then
        assertThat(answer.<Integer> path("deletedCount")).isEqualTo(1);
        assertThat(answer.<String> path("message")).isEqualTo("1 session was deleted.");
        assertThat(Stored.versions(ada)).isEqualTo(before);
    }

    @Test
    void clearingNothingIsNoError() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.clearAll();

        // Then
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(Json.of(answer)).isEqualTo(Json.of("""
                {"success": true, "message": "0 sessions were deleted.", "deletedCount": 0}
                """));
    }

    @Test
    void recreatingADeletedSessionDoesNotCountItAgain() {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "First");
        caller.hasDeleted("s1");

        // When
        Response answer = caller.createSession("s1", "Second");

        // Then
        assertThat(answer.statusCode()).isEqualTo(201);
        assertThat(answer.<String> path("session.title")).isEqualTo("Second");
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            GET    | /api/chat/sessions/        | 200
            POST   | /api/chat/sessions/        | 201
            PATCH  | /api/chat/sessions/        | 200
            POST   | /api/chat/session/         | 200
            DELETE | /api/chat/sessions/?id=s1  | 200
            DELETE | /api/chat/clear-all/       | 200
            """)
    void aSlashAtTheEndOfThePathIsAccepted(String method, String path, int status) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");

        // When
        Response answer = caller.request().body("{\"id\": \"s1\", \"title\": \"A title\"}").request(method, path);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(status);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            GET    | /api/chat/sessions
            POST   | /api/chat/sessions
            PATCH  | /api/chat/sessions
            POST   | /api/chat/session
            DELETE | /api/chat/sessions?id=s1
            DELETE | /api/chat/clear-all
            """)
    void aRequestWithoutATokenIsRefused(String method, String path) {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");

        // When
        Response answer = RestAssured.given().contentType(ContentType.JSON)
                .body("{\"id\": \"s1\", \"title\": \"Another title\"}").request(method, path);

        // Then
        assertProblem(answer, 401, "unauthorized");
        assertThat(Json.texts(Stored.of(caller, "sessions"), "title")).containsExactly("A title");
    }

    private static void wasDeleted(Caller caller, String session, String ago) {
        Sql.rows("update chatkeep.counted_sessions set deleted_at = now() - ?::interval where user_id = ? and session_id = ?",
                ago,
                caller.id(), session);
    }

    private static Map<String, Object> message(String id, String timestamp) {
        return Map.of("id", id, "role", "user", "content", "Message " + id, "timestamp", timestamp, "input_tokens", 3);
    }

    private static List<String> ids(Response list) {
        assertThat(list.statusCode()).as(list.asString()).isEqualTo(200);
        return Json.texts(Json.of(list).path("sessions"), "id");
    }

    private static List<Map<String, Object>> rowsWithTimes(Caller caller, JsonNode session) {
        return Sql.rows("""
                select id from chat_sessions
                 where user_id = ? and created_at = ?::timestamptz and updated_at = ?::timestamptz
                   and last_activity = ?::timestamptz
                """, caller.id(), session.path(TIMES[0]).textValue(), session.path(TIMES[1]).textValue(),
                session.path(TIMES[2]).textValue());
    }
}
