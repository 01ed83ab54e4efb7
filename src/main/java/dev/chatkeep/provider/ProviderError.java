package dev.chatkeep.provider;

import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import dev.chatkeep.provider.ProviderFailure.Members;
import dev.chatkeep.provider.ProviderFailure.Upstream;

/** What providers say of their errors. Each has a shape of its own, and between them and here stand others. */
final class ProviderError {

    /** Of what is passed on or logged. */
    private static final int CHARACTERS = 500;
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> RATE_LIMIT = Set.of("429", "rate_limit_exceeded", "rate_limit_error", "rate_limited",
            "too_many_requests");
    private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cc}\\p{Zl}\\p{Zp}\\s]+");
    private static final Pattern HALF_A_PAIR = Pattern.compile("\\p{Cs}");
    /** A page, or the insides of a program. */
    private static final Pattern NOT_FOR_CALLERS = Pattern.compile("<[!/a-z]|\\btraceback\\b|exception\\b",
            Pattern.CASE_INSENSITIVE);

    private static final Pattern PLAIN = Pattern.compile("(?=.*[A-Za-z])[\\w.:\\[\\]-]{1,200}");

    /** Of the account with the provider, which is the operator's. */
    private static final Set<Integer> OF_THE_ACCOUNT = Set.of(401, 402, 403);
    /** Keys by how they begin or are named, and what looks as random as they do. */
    private static final Pattern SECRET = Pattern.compile("\\b(?:sk|pk|rk)[-_][\\w-]{6,}|(?i:\\bbearer\\s+[^\\s\"',;]+)"
            + "|(?i:(?<=(?:key|token|secret|password)[=:])\\s?[^\\s\"',;]+)"
            + "|\\b(?=[\\w-]*\\d)(?=[\\w-]*[A-Z])(?=[\\w-]*[a-z])[\\w-]{32,}|\\b[0-9a-f]{32,}\\b");
    /** Who signs in at an address, and what is asked there. */
    private static final Pattern PRIVATE_PARTS = Pattern.compile("(?<=://)[^\\s/@]*@|(?<=://[^\\s?]{1,500})\\?[^\\s\"']*");

    private ProviderError() {
    }

    /** Whether the provider has too many requests, although the status of its response does not say so. */
    static boolean isRateLimit(JsonNode error) {
        return RATE_LIMIT.contains(error.path("code").asText()) || RATE_LIMIT.contains(error.path("type").asText())
                || RATE_LIMIT.contains(error.path("status").asText());
    }

    /** The sentence for people in the body of an error; null if there is none that callers may read. */
    static String sentence(String body) {
        try {
            String sentence = sentence(JSON.readTree(body));
            if (sentence == null || sentence.isBlank()) {
                return null;
            }
            String first = sentence.strip().lines().findFirst().orElseThrow();
            return NOT_FOR_CALLERS.matcher(first).find() ? null : excerpt(first);
        } catch (JsonProcessingException e) {
            return null; // an error page of a proxy in between
        }
    }

    /** What callers may know of a failure that is no fault of theirs. */
    static Upstream upstream(int status, String body) {
        try {
            JsonNode document = JSON.readTree(body);
            Upstream upstream = upstream(document.path("error").isObject() ? document.path("error") : document);
            return new Upstream(upstream.code() == null ? Integer.valueOf(status) : upstream.code(),
                    OF_THE_ACCOUNT.contains(status) ? null : upstream.message());
        } catch (JsonProcessingException e) {
            return new Upstream(status, null); // an error page of a proxy in between
        }
    }

    static Upstream upstream(JsonNode error) {
        JsonNode code = error.path("code");
        String sentence = sentence(error.toString());
        return new Upstream(code.isIntegralNumber() && code.canConvertToInt() ? Integer.valueOf(code.intValue()) : plain(code),
                sentence == null ? null
                        : PRIVATE_PARTS.matcher(SECRET.matcher(sentence).replaceAll("***")).replaceAll(""));
    }

    /** What OpenAI's clients look for in an error; null if the body is no document. */
    static Members members(String body) {
        try {
            JsonNode document = JSON.readTree(body);
            JsonNode error = document.path("error").isObject() ? document.path("error") : document;
            return new Members(plain(error.path("type")), plain(error.path("param")), plain(error.path("code")));
        } catch (JsonProcessingException e) {
            return null;
        }
    }

    /** A word, or the path of a field; some send a status as the code, which says nothing new. */
    private static String plain(JsonNode member) {
        return member.isTextual() && PLAIN.matcher(member.textValue()).matches() ? member.textValue() : null;
    }

    private static String sentence(JsonNode error) {
        if (error.isTextual()) {
            return error.textValue();
        }
        if (error.isArray()) {
            String sentences = StreamSupport.stream(error.spliterator(), false).map(ProviderError::ofField)
                    .filter(sentence -> sentence != null).collect(Collectors.joining("; "));
            return sentences.isEmpty() ? null : sentences;
        }
        for (String member : new String[] { "error", "message", "detail", "msg" }) {
            String sentence = error.hasNonNull(member) ? sentence(error.path(member)) : null;
            if (sentence != null && !sentence.isBlank()) {
                return sentence;
            }
        }
        return null;
    }

    /** Of a field that is wrong (FastAPI): its path, and what is wrong with it. */
    private static String ofField(JsonNode error) {
        String sentence = sentence(error);
        JsonNode path = error.path("loc");
        return sentence == null || path.isEmpty() ? sentence
                : StreamSupport.stream(path.spliterator(), false).map(JsonNode::asText).collect(Collectors.joining(".")) + ": "
                        + sentence;
    }

    /** The beginning of a text, on one line; null if there is nothing to read. */
    static String excerpt(String text) {
        int most = Math.min(text.length(), 4 * CHARACTERS);
        String line = HALF_A_PAIR.matcher(UNPRINTABLE.matcher(text.substring(0, most)).replaceAll(" ")).replaceAll("\uFFFD")
                .strip();
        return line.isEmpty() ? null
                : line.codePointCount(0, line.length()) <= CHARACTERS ? line
                        : line.substring(0, line.offsetByCodePoints(0, CHARACTERS));
    }
}
