package dev.chatkeep.sync;

import static dev.chatkeep.testsupport.Granted.granted;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/** One bad conversation of each kind among good ones: it is reported, nothing of it is kept, and the others are stored. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class SyncUploadIT {

    private static final String TIME = "must be a time such as 2026-09-01T08:00:00.000Z.";
    private static final String UNSTORABLE = "A value of it is missing, malformed or out of range.";

    static Stream<Arguments> badConversations() {
        return Stream.of(
                bad("null", "The conversation must be an object."),
                bad("5", "The conversation has the wrong type."),
                bad("\"bad\"", "The conversation has the wrong type."),
                bad("[]", "The conversation has the wrong type."),
                bad("{}", "id is missing."),
                bad("{\"id\": null, \"title\": \"No id\"}", "id is missing."),
                bad("{\"id\": \"\"}", "id must not be empty."),
                bad("{\"id\": 5}", "id has the wrong type."),
                bad("{\"id\": \"" + "x".repeat(256) + "\"}", "id must have at most 255 characters."),
                bad("{\"id\": \"a\\u0000b\"}", "id must not hold the character NUL."),
                bad("{\"id\": \"bad\", \"title\": 5}", "title has the wrong type."),
                bad("{\"id\": \"bad\", \"title\": \"" + "x".repeat(256) + "\"}", "title must have at most 255 characters."),
                bad("{\"id\": \"bad\", \"title\": \"\\u0000\"}", "title must not hold the character NUL."),
                bad("{\"id\": \"bad\", \"title\": \"\\u0000\", \"createdAt\": \"x\"}", "createdAt " + TIME.replace(".000Z.",
                        ".000Z (and 1 more).")),
                bad("{\"id\": \"bad\", \"userId\": \"11111111-1111-1111-1111-111111111111\"}",
                        "The conversation belongs to another user."),
                bad("{\"id\": \"bad\", \"userId\": \"somebody\"}", "The conversation belongs to another user."),
                bad("{\"id\": \"bad\", \"userId\": \"\"}", "The conversation belongs to another user."),
                bad("{\"id\": \"bad\", \"userId\": 5}", "userId has the wrong type."),
                bad("{\"id\": \"bad\", \"createdAt\": \"yesterday\"}", "createdAt " + TIME),
                bad("{\"id\": \"bad\", \"createdAt\": 1772359200000}", "createdAt has the wrong type."),
                bad("{\"id\": \"bad\", \"updatedAt\": \"2026-03-01T10:00:00\"}", "updatedAt " + TIME),
                bad("{\"id\": \"bad\", \"updatedAt\": \"+12026-03-01T10:00:00Z\"}", "updatedAt " + TIME),
                bad("{\"id\": \"bad\", \"messages\": {}}", "messages has the wrong type."),
                bad("{\"id\": \"bad\", \"messages\": \"Hello\"}", "messages has the wrong type."),
                bad("{\"id\": \"bad\", \"messages\": [null]}", "messages[0] is missing."),
                bad("{\"id\": \"bad\", \"messages\": [5]}", "messages[0] has the wrong type."),
                bad("{\"id\": \"bad\", \"messages\": [[]]}", "messages[0] has the wrong type."),
                badMessage("\"role\": \"user\", \"content\": \"Hello\"", "messages[1].id is missing."),
                badMessage("\"id\": \"m2\", \"content\": \"Hello\"", "messages[1].role is missing."),
                badMessage("\"id\": \"m2\", \"role\": \"user\"", "messages[1].content is missing."),
                badMessage("\"id\": \"m2\", \"role\": \"bot\", \"content\": \"Hello\"",
                        "messages[1].role must be user, assistant, system or tool."),
                badMessage("\"id\": \"" + "x".repeat(256) + "\", \"role\": \"user\", \"content\": \"Hello\"",
                        "messages[1].id must have at most 255 characters."),
                badMessage("\"id\": \"m2\", \"role\": \"user\", \"content\": \"a\\u0000b\"",
                        "messages[1].content must not hold the character NUL."),
                badField("\"content\": 5", "messages[1].content has the wrong type."),
                badField("\"timestamp\": \"now\"", "messages[1].timestamp " + TIME),
                badField("\"timestamp\": \"0000-01-01T00:00:00Z\"", "messages[1].timestamp " + TIME),
                badField("\"model\": \"" + "x".repeat(101) + "\"", "messages[1].model must have at most 100 characters."),
                badField("\"input_tokens\": -1", "messages[1].input_tokens must be greater than or equal to 0."),
                badField("\"input_tokens\": 1.5", "messages[1].input_tokens has the wrong type."),
                badField("\"input_tokens\": \"5\"", "messages[1].input_tokens has the wrong type."),
                badField("\"input_tokens\": 2147483648", "messages[1].input_tokens has the wrong type."),
                badField("\"output_tokens\": 99999999999999999999999", "messages[1].output_tokens has the wrong type."),
                badField("\"input_tokens\": 2147483647, \"output_tokens\": 1", UNSTORABLE),
                badField("\"user_message_id\": \"\"", "messages[1].user_message_id must not be empty."),
                badField("\"contentType\": \"html\"", "messages[1].contentType must be text or markdown."),
                badField("\"elapsed_time\": -1", "messages[1].elapsed_time must be greater than or equal to 0."),
                badField("\"elapsed_time\": 1e10", "messages[1].elapsed_time must be less than or equal to 2000000."),
                badField("\"elapsed_time\": 1e999999999", "messages[1].elapsed_time has the wrong type."),
                badField("\"elapsed_time\": \"1\"", "messages[1].elapsed_time has the wrong type."),
                badField("\"completion_id\": \"" + "x".repeat(256) + "\"",
                        "messages[1].completion_id must have at most 255 characters."),
                badField("\"error\": \"yes\"", "messages[1].error has the wrong type."),
                bad("{\"id\": \"bad\", \"messages\": [{\"id\": \"first\", \"role\": \"user\", \"content\": \"Moved\"}]}",
                        "A message of it belongs to another conversation."));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badConversations")
    void aBadConversationIsReportedAndTheOthersAreStored(String name, String bad, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, List.of(good("first"), bad, good("last")));

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        JsonNode results = Json.of(answer).path("results");
        assertThat(results.path("synced").intValue()).isEqualTo(2);
        assertThat(results.path("errors").intValue()).isEqualTo(1);
        assertThat(results.path("details").get(0)).isEqualTo(synced("first"));
        assertThat(results.path("details").get(1).path("error").textValue()).isEqualTo(complaint);
        assertThat(results.path("details").get(2)).isEqualTo(synced("last"));
        assertThat(Json.texts(Stored.of(caller, "sessions"), "id")).containsExactly("first", "last");
        assertThat(Json.texts(Stored.of(caller, "messages"), "id")).containsExactly("first", "last");
        assertThat(Stored.of(caller, "usage").path("messages_sent").intValue()).isEqualTo(2);
    }

    @Test
    void anEntryOfABadConversationNamesItAndSaysNothingElse() {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = upload(caller, List.of("{\"id\": \"bad\", \"title\": 5}", "{\"title\": \"No id\"}"));

        // Then
        assertThat(Json.of(answer).path("results")).isEqualTo(Json.of("""
                {"synced": 0, "errors": 2, "details": [{"conversationId": "bad", "error": "title has the wrong type."},
                                                       {"error": "id is missing."}]}
                """));
    }

    @Test
    void badConversationsOfEveryKindTogetherLeaveTheGoodOnesAlone() {
        // Given
        Caller caller = Caller.fresh();
        List<String> conversations = new ArrayList<>(List.of(good("first")));
        badConversations().forEach(arguments -> {
            conversations.add((String) arguments.get()[1]);
            conversations.add(good("good" + conversations.size()));
        });
        int good = conversations.size() / 2 + 1;

        // When
        Response answer = upload(caller, conversations);

        // Then
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        assertThat(answer.<Integer> path("results.synced")).isEqualTo(good);
        assertThat(answer.<Integer> path("results.errors")).isEqualTo(good - 1);
        assertThat(Stored.of(caller, "sessions")).hasSize(good);
        assertThat(Stored.of(caller, "messages")).hasSize(good);
        assertThat(Stored.of(caller, "usage").path("messages_sent").intValue()).isEqualTo(good);
        assertThat(Stored.of(caller, "usage").path("sessions_created").intValue()).isEqualTo(good);
    }

    @Test
    void aBadConversationThatExistsIsLeftAsItIs() {
        // Given
        Caller caller = Caller.fresh();
        granted(upload(caller, List.of(good("first"), good("bad"))));
        String before = Stored.versions(caller);

        // When
        Response answer = upload(caller, List.of("""
                {"id": "bad", "title": "New", "messages": [
                  {"id": "new", "role": "user", "content": "New"},
                  {"id": "bad", "role": "user", "content": "New", "input_tokens": 2147483647, "output_tokens": 1}]}
                """));

        // Then
        assertThat(Json.of(answer).at("/results/details")).isEqualTo(Json.of("""
                [{"conversationId": "bad", "error": "%s"}]
                """, UNSTORABLE));
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    private static Arguments bad(String conversation, String complaint) {
        return Arguments.of(conversation.length() > 80 ? conversation.substring(0, 77) + "..." : conversation, conversation,
                complaint);
    }

    private static Arguments badMessage(String fields, String complaint) {
        return bad("{\"id\": \"bad\", \"messages\": [{\"id\": \"m1\", \"role\": \"user\", \"content\": \"Hello\"}, {" + fields
                + "}]}", complaint);
    }

    private static Arguments badField(String field, String complaint) {
        String content = field.startsWith("\"content\"") ? "" : ", \"content\": \"Hello\"";
        return badMessage(field + ", \"id\": \"m2\", \"role\": \"user\"" + content, complaint);
    }

    private static String good(String id) {
        return """
                {"id": "%1$s", "messages": [{"id": "%1$s", "role": "user", "content": "Hello"}]}
                """.formatted(id);
    }

    private static JsonNode synced(String id) {
        return Json.of("{\"conversationId\": \"%s\", \"status\": \"synced\", \"messageCount\": 1}", id);
    }

    private static Response upload(Caller caller, List<String> conversations) {
        return caller.request().body("{\"conversations\": [" + String.join(", ", conversations) + "]}").post("/api/chat/sync");
    }
}
