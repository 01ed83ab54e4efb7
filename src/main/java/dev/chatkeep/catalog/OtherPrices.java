package dev.chatkeep.catalog;

import java.util.List;
import java.util.stream.Collectors;

import jakarta.annotation.Nullable;
import jakarta.validation.constraints.Pattern;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import io.quarkus.runtime.annotations.RegisterForReflection;
import io.vertx.sqlclient.Row;

/** What a provider charges beside the tokens of {@code model_access}, as decimal text under OpenRouter's names. */
@Schema(name = "OtherPrices", description = "What the provider charges beside tokens, as decimal text. It is shown, and not charged here.", additionalProperties = Schema.False.class)
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonNaming(SnakeCaseStrategy.class)
@RegisterForReflection // read by StrictJson, and written as a parameter of a statement
record OtherPrices(
        @Schema(description = "For one request", examples = "0.005") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String request,
        @Schema(description = "For one picture") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String image,
        @Schema(description = "For one token of sound") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String audio,
        @Schema(description = "For one search") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String webSearch,
        @Schema(description = "For one token of reasoning") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String internalReasoning,
        @Schema(description = "For one token that is put into the cache") @Pattern(regexp = OtherPrices.DECIMAL, message = OtherPrices.COMPLAINT) @Nullable String inputCacheWrite) {

    static final String DECIMAL = "[0-9]{1,4}([.][0-9]{1,12})?";
    static final String COMPLAINT = "must be a decimal number such as 0.005";

    /** Of a row {@code m} with {@code other_prices}, in the order that {@link #of} reads. */
    static final String COLUMNS = List.of("request", "image", "audio", "web_search", "internal_reasoning", "input_cache_write")
            .stream().map(name -> "m.other_prices ->> '" + name + "'").collect(Collectors.joining(", "));
    static final int SIZE = 6;

    static OtherPrices of(Row row, int first) {
        return new OtherPrices(row.getString(first), row.getString(first + 1), row.getString(first + 2),
                row.getString(first + 3), row.getString(first + 4), row.getString(first + 5));
    }
}
