package dev.chatkeep.wire;

import java.io.IOException;

import jakarta.inject.Singleton;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.deser.std.StringDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.type.LogicalType;

import io.quarkus.jackson.ObjectMapperCustomizer;

/**
 * Reads JSON as it stands: a number is no text and 1.5 is no whole number. Text is made well-formed, as browsers do it
 * when they encode: half a surrogate pair, which clients leave behind when they cut a text in the middle of an emoji,
 * becomes U+FFFD. PostgreSQL could not hold it.
 */
@Singleton
public class JsonRules implements ObjectMapperCustomizer {

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
        mapper.registerModule(new SimpleModule("well-formed-text").addDeserializer(String.class, new WellFormed()));
    }

    private static final class WellFormed extends StringDeserializer {

        private static final char REPLACEMENT = '\uFFFD';

        @Override
        public String deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            return wellFormed(super.deserialize(parser, context));
        }

        private static String wellFormed(String text) {
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
    }
}
