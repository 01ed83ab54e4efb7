package dev.chatkeep.catalog;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

import jakarta.annotation.Nullable;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.Validator;
import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;

import org.eclipse.microprofile.openapi.annotations.media.Schema;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies.SnakeCaseStrategy;
import com.fasterxml.jackson.databind.annotation.JsonNaming;

import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import dev.chatkeep.problem.Problem.FieldError;
import dev.chatkeep.problem.RequestProblems;
import dev.chatkeep.wire.OffEventLoop;
import dev.chatkeep.wire.Text;
import io.quarkus.runtime.annotations.RegisterForReflection;
import io.smallrye.mutiny.Uni;

/** Imports a provider's catalogue into model_access. Only the fields declared here are read. */
@ApplicationScoped
class CatalogImport {

    private static final String IMPORT = "select i.created, i.updated, i.unchanged"
            + " from chatkeep.admin_import_models($1, $2::text::jsonb) i";
    private static final String TEXT_MODALITY = "text";
    /** The scale of prices in model_access. */
    private static final int DECIMALS = 12;
    private static final BigDecimal MAX_PRICE = BigDecimal.valueOf(1_000);
    private static final int MAX_MODALITIES = 20;
    private static final int MAX_PARAMETERS = 200;
    private static final int MAX_WORD = 100;
    /** Of the year 9999: responses write years with four digits. */
    private static final long LAST_SECOND = 253_402_300_799L;

    /** OpenRouter's list of models: {@code GET https://openrouter.ai/api/v1/models}. */
    @Schema(name = "Catalog")
    @RegisterForReflection // Jackson reads it from the body, not as the parameter of a resource
    record Catalog(@Schema(implementation = Listed[].class) @NotNull @Size(max = 10_000) List<JsonNode> data) {
    }

    @Schema(name = "CatalogModel")
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    record Listed(
            @Schema(examples = "deepseek/deepseek-r1-0528:free") @NotNull @Text(min = 1, max = 100) String id,
            String name,
            String description,
            @Schema(description = "When the provider began to offer it, in seconds since 1970") Long created,
            @Min(1) Integer contextLength,
            Pricing pricing,
            Architecture architecture,
            List<String> supportedParameters) {
    }

    @Schema(name = "CatalogPricing", description = "For one token, as decimal text")
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    record Pricing(@Schema(examples = "0.0000005") String prompt, String completion,
            @Schema(description = "Of an input token from the provider's cache; what is no number is as if it were missing") String inputCacheRead,
            @Schema(description = "For one request; what is no price is as if it were missing, here and in what follows") String request,
            String image, String audio, String webSearch, String internalReasoning, String inputCacheWrite) {

        static final Pricing NONE = new Pricing(null, null, null, null, null, null, null, null, null);
    }

    @Schema(name = "CatalogArchitecture")
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // as above
    record Architecture(List<String> inputModalities, List<String> outputModalities) {

        static final Architecture UNKNOWN = new Architecture(null, null);
    }

    /** A row of model_access as the database reads it. */
    @JsonNaming(SnakeCaseStrategy.class)
    @RegisterForReflection // written as a parameter of the statement
    record Row(String modelId, String modelName, String modelDescription,
            @NotNull @DecimalMin(value = "0", message = "has no fixed price") @DecimalMax("1000") BigDecimal inputCostPerToken,
            @NotNull @DecimalMin(value = "0", message = "has no fixed price") @DecimalMax("1000") BigDecimal outputCostPerToken,
            @DecimalMin(value = "0", message = "has no fixed price") @DecimalMax("1000") BigDecimal cachedInputCostPerToken,
            @Size(max = 100) List<@Text(min = 1, max = 100) String> modelTags, Integer contextLength, OtherPrices otherPrices,
            List<String> inputModalities, List<String> outputModalities, List<String> supportedParameters, String releasedAt) {
    }

    @Schema(name = "CatalogImported")
    record Imported(int created, int updated, int unchanged, int errors,
            @Schema(description = "The models that were not imported, and why") List<Refused> details) {
    }

    @Schema(name = "CatalogRefused")
    @JsonNaming(SnakeCaseStrategy.class)
    record Refused(@Nullable String modelId, String error) {
    }

    /** @param rows the valid rows, as JSON */
    private record Checked(String rows, List<Refused> refused) {
    }

    private final Database database;
    private final ObjectMapper json;
    private final Validator validator;

    CatalogImport(Database database, ObjectMapper json, Validator validator) {
        this.database = database;
        this.json = json;
        this.validator = validator;
    }

    /** Works off the event loop, because the body may be a whole catalogue. */
    Uni<Imported> store(String tier, byte[] body) {
        Statements administration = database.asAdministrator().write();
        return OffEventLoop.run(() -> check(body))
                .chain(checked -> administration.one(row -> new Imported(row.getInteger(0), row.getInteger(1),
                        row.getInteger(2), checked.refused().size(), checked.refused()), IMPORT, tier, checked.rows()));
    }

    private Checked check(byte[] body) throws IOException {
        Catalog catalog = RequestProblems.requireValid(validator,
                body.length == 0 ? null : json.readValue(body, Catalog.class));
        // If an id occurs twice, the last entry counts.
        Map<String, Row> rows = new LinkedHashMap<>();
        List<Refused> refused = new ArrayList<>();
        for (JsonNode node : catalog.data()) {
            try {
                Listed listed = json.treeToValue(node, Listed.class);
                Row row = listed == null ? null : row(listed);
                List<FieldError> errors = listed == null ? List.of(new FieldError("", "must be an object"))
                        : Stream.concat(errors(listed), errors(row)).toList();
                if (errors.isEmpty()) {
                    rows.put(listed.id(), row);
                } else {
                    refused.add(new Refused(node.path("id").textValue(), RequestProblems.sentence(errors)));
                }
            } catch (JsonProcessingException e) {
                refused.add(new Refused(node.path("id").textValue(), "A field has the wrong type."));
            }
        }
        return new Checked(json.writeValueAsString(rows.values()), refused);
    }

    private <T> Stream<FieldError> errors(T value) {
        return validator.validate(value).stream()
                .map(violation -> new FieldError(RequestProblems.field(violation.getPropertyPath()), violation.getMessage()));
    }

    private static Row row(Listed model) {
        Set<String> tags = new TreeSet<>();
        if (model.architecture() != null && model.architecture().inputModalities() != null) {
            model.architecture().inputModalities().stream().filter(Objects::nonNull).forEach(tags::add);
            tags.remove(TEXT_MODALITY);
        }
        if (model.supportedParameters() != null) {
            Stream.of("tools", "reasoning").filter(model.supportedParameters()::contains).forEach(tags::add);
        }
        Pricing pricing = model.pricing() == null ? Pricing.NONE : model.pricing();
        Architecture architecture = model.architecture() == null ? Architecture.UNKNOWN : model.architecture();
        OtherPrices others = new OtherPrices(otherPrice(pricing.request()), otherPrice(pricing.image()),
                otherPrice(pricing.audio()), otherPrice(pricing.webSearch()), otherPrice(pricing.internalReasoning()),
                otherPrice(pricing.inputCacheWrite()));
        return new Row(model.id(), shortened(model.name(), 255), shortened(model.description(), 4_000),
                price(pricing.prompt()), price(pricing.completion()), price(pricing.inputCacheRead()), List.copyOf(tags),
                model.contextLength(), others, modalities(architecture.inputModalities()),
                modalities(architecture.outputModalities()), words(model.supportedParameters(), MAX_PARAMETERS),
                time(model.created()));
    }

    private static List<String> modalities(List<String> listed) {
        List<String> modalities = words(listed, MAX_MODALITIES);
        return modalities.isEmpty() ? List.of(TEXT_MODALITY) : modalities;
    }

    /** What is no word, or one too many, keeps no model from being imported. */
    private static List<String> words(List<String> listed, int most) {
        return listed == null ? List.of()
                : listed.stream().filter(word -> word != null && !word.isEmpty() && word.length() <= MAX_WORD
                        && word.indexOf('\0') < 0).distinct().limit(most).toList();
    }

    private static String time(Long seconds) {
        return seconds == null || seconds < 0 || seconds > LAST_SECOND ? null : Instant.ofEpochSecond(seconds).toString();
    }

    /** Null where the price is not fixed, or none that a model could have. */
    private static String otherPrice(String text) {
        BigDecimal price = price(text);
        return price == null || price.signum() < 0 || price.compareTo(MAX_PRICE) > 0 ? null
                : price.signum() == 0 ? "0" : price.stripTrailingZeros().toPlainString();
    }

    /**
     * Null if the text is not a number. OpenRouter sends -1 if the price depends on where a request is routed. A price that is
     * too small for the column becomes zero at once, because PostgreSQL refuses a number with a very long exponent.
     */
    private static BigDecimal price(String text) {
        try {
            BigDecimal price = text == null ? null : new BigDecimal(text);
            if (price == null || price.scale() <= DECIMALS && price.signum() != 0) {
                return price;
            }
            boolean tooSmall = price.signum() == 0 || (long) price.precision() - price.scale() < -DECIMALS;
            return tooSmall ? BigDecimal.ZERO : price.setScale(DECIMALS, RoundingMode.HALF_UP);
        } catch (NumberFormatException e) {
            return null;
        }
    }

    private static String shortened(String text, int characters) {
        String clean = text == null ? null : text.replace("\0", "");
        return clean == null || clean.codePointCount(0, clean.length()) <= characters ? clean
                : clean.substring(0, clean.offsetByCodePoints(0, characters));
    }
}
