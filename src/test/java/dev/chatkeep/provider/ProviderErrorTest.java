package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;

import dev.chatkeep.provider.ProviderFailure.Kind;

class ProviderErrorTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '`', textBlock = """
            {"error": {"message": "Too long", "code": 400}}                                | Too long
            {"error": "Too long"}                                                          | Too long
            {"error": {"error": {"message": "Too long"}}}                                  | Too long
            {"error": {"code": "x"}, "message": "Too long"}                                | Too long
            {"detail": "Too long"}                                                         | Too long
            {"detail": ["Too long", "Too hot"]}                                            | Too long; Too hot
            {"detail": [{"loc": ["body", "messages", 0], "msg": "Field required"}, {"msg": "Bad"}]} | body.messages.0: Field required; Bad
            {"message": "Too long"}                                                        | Too long
            {"object": "error", "message": "Too long", "code": 400}                        | Too long
            [{"error": {"code": 400, "message": "Too long"}}]                              | Too long
            {"error": {"message": " Too\\u0000 \\t long\\ud800 \\nat dev.inside(Inside.java)"}} | Too long\uFFFD
            {"message": "<html><body>nginx</body></html>"}                                 | -
            {"message": "Bad Gateway</h1>"}                                                | -
            {"detail": "Traceback (most recent call last): x"}                             | -
            {"error": "java.lang.NullPointerException: x"}                                 | -
            {"error": {"message": ""}}                                                     | -
            {"error": 7}                                                                   | -
            <html><body>400</body></html>                                                  | -
            "Too long"                                                                     | Too long
            {}                                                                             | -
            """)
    void theSentenceOfAnErrorIsFoundWhereverItStands(String body, String sentence) {
        // When
        String found = ProviderError.sentence(body);

        // Then
        assertThat(found).isEqualTo(sentence);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "-", quoteCharacter = '`', textBlock = """
            {"error": {"type": "invalid_request_error", "param": "messages[0].content", "code": "context_length_exceeded"}} | invalid_request_error | messages[0].content | context_length_exceeded
            {"object": "error", "message": "Bad", "type": "BadRequestError", "param": null, "code": 400} | BadRequestError | - | -
            {"error": {"type": 7, "param": {}, "code": "400"}}                              | - | - | -
            {"error": {"type": "<b>", "param": "a b", "code": "key-1x"}}                    | - | - | ***x
            {"error": {"type": "", "param": "a\\u0000b", "code": "\\ud800"}}            | - | - | -
            {"error": "Too long"}                                                           | - | - | -
            """)
    void theMembersOfARejectionAreKeptWhereTheyArePlain(String body, String type, String param, String code) {
        // When
        ProviderFailure.Members found = ProviderFailure.of(400, null, body).redact("key-1").members();

        // Then
        assertThat(found).isEqualTo(new ProviderFailure.Members(type, param, code));
    }

    @Test
    void onlyARejectionHasMembers() {
        // Given
        String body = "{\"error\": {\"code\": \"internal\", \"param\": \"" + "x".repeat(201) + "\"}}";

        // When
        ProviderFailure failed = ProviderFailure.of(500, null, body);
        ProviderFailure rejected = ProviderFailure.of(422, null, body);

        // Then
        assertThat(failed.members()).isNull();
        assertThat(rejected.members()).isEqualTo(new ProviderFailure.Members(null, null, "internal"));
    }

    @Test
    void aSentenceIsBounded() {
        // When
        String found = ProviderError.sentence("{\"error\": \"" + "😀".repeat(10_000) + "\"}");

        // Then
        assertThat(found).isEqualTo("😀".repeat(500));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"code": 429}                        | RATE_LIMITED
            {"code": "429"}                      | RATE_LIMITED
            {"type": "rate_limit_exceeded"}      | RATE_LIMITED
            {"code": "rate_limit_exceeded"}      | RATE_LIMITED
            {"code": 502, "type": "upstream"}    | BROKEN_OFF
            {"message": "429"}                   | BROKEN_OFF
            "boom"                               | BROKEN_OFF
            """)
    void anErrorInPlaceOfAnAnswerMayBeARateLimit(String error, Kind kind) throws JsonProcessingException {
        // When
        ProviderFailure failure = ProviderFailure.ofError(new ObjectMapper().readTree(error));

        // Then
        assertThat(failure.kind()).isEqualTo(kind);
        assertThat(failure.toProblem().getHeaders().containsKey("Retry-After")).isEqualTo(kind == Kind.RATE_LIMITED);
    }

    @Test
    void theLogHasAnExcerptAndNoSecret() {
        // When
        ProviderFailure failure = ProviderFailure
                .of(500, null, "<html>\r\n  <body>No: key-1\u0000</body>" + "x".repeat(9_000)).redact("key-1");

        // Then
        assertThat(failure.describe()).isEqualTo("provider_error (500): <html> <body>No: *** </body>" + "x".repeat(470));
        assertThat(failure.toProblem().getDetail()).isEqualTo("The model provider failed.");
    }

    @Test
    void anErrorThatSaysNothingHasNoExcerpt() {
        // When
        ProviderFailure failure = ProviderFailure.ofError(MissingNode.getInstance());

        // Then
        assertThat(failure.describe()).isEqualTo("provider_broke_off");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            500 | {"error": {"code": "overloaded", "message": "Too busy"}}                              | overloaded | Too busy
            500 | {"error": {"code": 529, "message": "Key sk-abcdef123456 is out, Bearer abc.def too"}} | 529 | Key *** is out, *** too
            500 | {"message": "See https://me:secret@example.org/a?key=1 now"}                          | 500 | See https://example.org/a now
            502 | <html>Bad gateway</html>                                                              | 502 |
            401 | {"error": {"message": "No credits for org-1"}}                                        | 401 |
            """)
    void whatCallersMayKnowOfAFailureHasNoSecrets(int status, String body, String code, String message) {
        // When
        ProviderFailure.Upstream upstream = ProviderError.upstream(status, body);

        // Then
        assertThat(String.valueOf(upstream.code())).isEqualTo(code);
        assertThat(upstream.message()).isEqualTo(message);
    }
}
