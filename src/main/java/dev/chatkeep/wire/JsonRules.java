package dev.chatkeep.wire;

import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;

import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
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
 * Reads JSON as it stands: a number is no text and 1.5 is no whole number. Text is made well-formed, as browsers do it
 * when they encode: half a surrogate pair, which clients leave behind when they cut a text in the middle of an emoji,
 * becomes U+FFFD. PostgreSQL could not hold it.
 */
@Singleton
public class JsonRules implements ObjectMapperCustomizer {

    private static final char REPLACEMENT = '\uFFFD';

    /** After Quarkus' own, whose module for times would otherwise win. */
    @Override
    public int priority() {
        return MINIMUM_PRIORITY;
    }

    @Override
    @SuppressWarnings("deprecation") // the builder that replaces it cannot be had from a customizer
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

    /** Jackson calls a number that is out of range malformed JSON; here it is a wrong field. */
    private static final class WholeNumber extends StdScalarDeserializer<Integer> {

        private static final JsonDeserializer<Integer> JACKSONS = new NumberDeserializers.IntegerDeserializer(Integer.class,
                null);

        WholeNumber() {
            super(Integer.class);
        }

        @Override
        public Integer deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            try {
                return JACKSONS.deserialize(parser, context);
            } catch (InputCoercionException e) {
                throw MismatchedInputException.from(parser, Integer.class, e.getOriginalMessage());
            }
        }
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

    /** As PostgreSQL writes it: without an exponent, which only a number that a client made up could need. */
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

    /** The text itself, or a copy in which no half of a surrogate pair stands alone. */
    public static String wellFormed(String text) {
        StringBuilder mended = null;
        for (int i = 0; text != null && i < text.length(); i++) {
            if (!Character.isSurrogate(text.charAt(i))) {
                continue;
            }
            if (Character.isHighSurrogate(text.charAt(i)) && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
                continue;
            }
            mended = mended == null ? new StringBuilder(text) : mended;
            mended.setCharAt(i, REPLACEMENT);
        }
        return mended == null ? text : mended.toString();
    }

    private static final class WellFormed extends StringDeserializer {

        @Override
        public String deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            return wellFormed(super.deserialize(parser, context));
        }
    }
}
