package dev.chatkeep.wire;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Instant;

import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.exc.InputCoercionException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.deser.std.NumberDeserializers;
import com.fasterxml.jackson.databind.deser.std.StdScalarDeserializer;
import com.fasterxml.jackson.databind.deser.std.StringDeserializer;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdScalarSerializer;
import com.fasterxml.jackson.databind.type.LogicalType;

import io.quarkus.jackson.ObjectMapperCustomizer;

/**
 * Reads JSON strictly: a number is not text, and 1.5 is not an integer, but 1.0 and 1e2 are, as JSON Schema has it. Text is
 * made well-formed in the way browsers do it when
 * they encode: an unpaired surrogate becomes U+FFFD. Clients produce unpaired surrogates when they cut a text in the middle of
 * an emoji, and PostgreSQL cannot store them.
 */
@Singleton
public class JsonRules implements ObjectMapperCustomizer {

    private static final char REPLACEMENT = '\uFFFD';

    /** Runs after Quarkus' own customizers, whose module for times would otherwise take precedence. */
    @Override
    public int priority() {
        return MINIMUM_PRIORITY;
    }

    @Override
    @SuppressWarnings("deprecation") // a customizer has no access to the builder that replaces it
    public void customize(ObjectMapper mapper) {
        mapper.configure(MapperFeature.ALLOW_COERCION_OF_SCALARS, false);
        mapper.configure(DeserializationFeature.ACCEPT_FLOAT_AS_INT, false);
        mapper.configure(DeserializationFeature.FAIL_ON_TRAILING_TOKENS, true);
        for (CoercionInputShape shape : new CoercionInputShape[] { CoercionInputShape.Integer, CoercionInputShape.Float,
                CoercionInputShape.Boolean }) {
            mapper.coercionConfigFor(LogicalType.Textual).setCoercion(shape, CoercionAction.Fail);
        }
        mapper.registerModule(new SimpleModule("chatkeep")
                .addDeserializer(String.class, new WellFormed())
                .addDeserializer(Integer.class, new WholeNumber())
                .addSerializer(Instant.class, new Time())
                .addSerializer(BigDecimal.class, new Plain()));
    }

    /** Jackson reports a number that is out of range as malformed JSON; here it is an invalid field. */
    private static final class WholeNumber extends StdScalarDeserializer<Integer> {

        private static final JsonDeserializer<Integer> DELEGATE = new NumberDeserializers.IntegerDeserializer(Integer.class,
                null);

        WholeNumber() {
            super(Integer.class);
        }

        /** More digits than any integer has, written in whatever way. */
        private static final int MAX_CHARACTERS = 100;

        @Override
        public Integer deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            Integer whole = parser.hasToken(JsonToken.VALUE_NUMBER_FLOAT) && parser.getTextLength() <= MAX_CHARACTERS
                    && !parser.isNaN() ? whole(parser.getDecimalValue()) : null;
            if (whole != null) {
                return whole;
            }
            try {
                return DELEGATE.deserialize(parser, context);
            } catch (InputCoercionException e) {
                throw MismatchedInputException.from(parser, Integer.class, e.getOriginalMessage());
            }
        }
    }

    /** The integer that a number is; null if it is none. An exponent can be too large to be written out. */
    static Integer whole(BigDecimal number) {
        if (number.signum() == 0) {
            return 0;
        }
        long digits = (long) number.precision() - number.scale();
        if (digits < 1 || digits > 10 || number.stripTrailingZeros().scale() > 0) {
            return null;
        }
        BigInteger whole = number.toBigInteger();
        return whole.bitLength() < Integer.SIZE ? whole.intValueExact() : null;
    }

    private static final class Time extends StdScalarSerializer<Instant> {

        Time() {
            super(Instant.class);
        }

        @Override
        public void serialize(Instant time, JsonGenerator json, SerializerProvider provider) throws IOException {
            json.writeString(Timestamps.format(time));
        }
    }

    /** Writes numbers as PostgreSQL does, without an exponent. Only a number that a client made up could need one. */
    private static final class Plain extends StdScalarSerializer<BigDecimal> {

        private static final int MAX_DIGITS = 100;

        Plain() {
            super(BigDecimal.class);
        }

        @Override
        public void serialize(BigDecimal number, JsonGenerator json, SerializerProvider provider) throws IOException {
            json.writeNumber(Math.abs(number.scale()) < MAX_DIGITS ? number.toPlainString() : number.toString());
        }
    }

    /** Returns the text itself, or a copy in which unpaired surrogates are replaced. */
    public static String wellFormed(String text) {
        StringBuilder repaired = null;
        for (int i = 0; text != null && i < text.length(); i++) {
            if (!Character.isSurrogate(text.charAt(i))) {
                continue;
            }
            if (Character.isHighSurrogate(text.charAt(i)) && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            repaired = repaired == null ? new StringBuilder(text) : repaired;
            repaired.setCharAt(i, REPLACEMENT);
        }
        return repaired == null ? text : repaired.toString();
    }

    private static final class WellFormed extends StringDeserializer {

        @Override
        public String deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            return wellFormed(super.deserialize(parser, context));
        }
    }
}
