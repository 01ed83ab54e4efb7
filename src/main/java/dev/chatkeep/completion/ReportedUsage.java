package dev.chatkeep.completion;

import java.io.IOException;
import java.math.BigDecimal;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/**
 * What a provider reported of a call; null where it reported nothing of use. Completion holds the reasoning and prompt what
 * came from the cache, wherever the provider has them.
 *
 * @param cost in the provider's currency
 */
record ReportedUsage(Integer prompt, Integer completion, Integer cached, Integer reasoning, BigDecimal cost) {

    /** More than any call takes. Sums of what is counted must stay within their types. */
    private static final int MAX_TOKENS = 100_000_000;
    /** As the database bounds it (storable_cost). */
    private static final BigDecimal MAX_COST = BigDecimal.valueOf(1_000_000);
    private static final int MAX_COST_DECIMALS = 40;
    private static final int MAX_COST_CHARACTERS = 64;
    private static final String USAGE = "usage";
    private static final String COST = "cost";

    static final ReportedUsage NOTHING = new ReportedUsage(null, null, null, null, null);

    /**
     * @param piece the text of the chunk
     * @param chunk that has usage
     */
    static ReportedUsage of(ObjectMapper json, String piece, JsonNode chunk) {
        JsonNode usage = chunk.path(USAGE);
        Integer cached = first(usage.path("prompt_tokens_details").path("cached_tokens"),
                usage.path("input_tokens_details").path("cached_tokens"), usage.path("prompt_cache_hit_tokens"),
                usage.path("cache_read_input_tokens"), usage.path("cached_tokens"));
        Integer reasoning = first(usage.path("completion_tokens_details").path("reasoning_tokens"),
                usage.path("output_tokens_details").path("reasoning_tokens"), usage.path("reasoning_tokens"));
        Integer prompt = prompt(usage);
        Integer completion = first(usage.path("completion_tokens"), usage.path("output_tokens"));
        if (isBeside(reasoning, prompt, completion, usage.path("total_tokens"))) {
            completion += reasoning;
        }
        return new ReportedUsage(prompt, completion, cached, reasoning,
                usage.path(COST).isNumber() ? cost(json, piece) : null);
    }

    boolean isComplete() {
        return prompt != null && completion != null;
    }

    /** Anthropic's input is what its cache has no part in; everybody else's holds what came from the cache. */
    private static Integer prompt(JsonNode usage) {
        Integer prompt = first(usage.path("prompt_tokens"));
        Integer input = first(usage.path("input_tokens"));
        if (prompt != null || input == null) {
            return prompt;
        }
        long all = input;
        for (String beside : new String[] { "cache_read_input_tokens", "cache_creation_input_tokens" }) {
            Integer tokens = count(usage.path(beside));
            all += tokens == null ? 0 : tokens;
        }
        return (int) Math.min(all, MAX_TOKENS);
    }

    /** Whether reasoning is no part of the completion: the total says so, if it is exactly the sum of all three. */
    private static boolean isBeside(Integer reasoning, Integer prompt, Integer completion, JsonNode total) {
        return reasoning != null && prompt != null && completion != null && total.isIntegralNumber()
                && total.canConvertToLong() && (long) completion + reasoning <= MAX_TOKENS
                && total.longValue() == (long) prompt + completion + reasoning;
    }

    private static Integer first(JsonNode... numbers) {
        for (JsonNode number : numbers) {
            Integer count = count(number);
            if (count != null) {
                return count;
            }
        }
        return null;
    }

    private static Integer count(JsonNode number) {
        return number.isNumber() && number.doubleValue() >= 0 ? (int) Math.min(number.doubleValue(), MAX_TOKENS) : null;
    }

    /** Digit for digit as it is written, which floating point does not keep. */
    private static BigDecimal cost(ObjectMapper json, String piece) {
        try (JsonParser parser = json.createParser(piece)) {
            parser.nextToken();
            String text = text(parser);
            BigDecimal cost = text == null || text.length() > MAX_COST_CHARACTERS ? null : new BigDecimal(text);
            return cost != null && cost.signum() >= 0 && cost.compareTo(MAX_COST) <= 0 && cost.scale() <= MAX_COST_DECIMALS
                    ? cost
                    : null;
        } catch (IOException | ArithmeticException | NumberFormatException e) {
            return null;
        }
    }

    /** The last {@code usage.cost} of an object, as whoever reads trees has it. */
    private static String text(JsonParser parser) throws IOException {
        String text = null;
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            boolean isUsage = parser.currentName().equals(USAGE);
            if (parser.nextToken() == JsonToken.START_OBJECT && isUsage) {
                text = null;
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    boolean isCost = parser.currentName().equals(COST);
                    if (parser.nextToken().isNumeric() && isCost) {
                        text = parser.getText();
                    }
                    parser.skipChildren();
                }
            } else {
                parser.skipChildren();
            }
        }
        return text;
    }
}
