package dev.chatkeep.wire;

import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.time.DateTimeException;
import java.time.LocalDate;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.regex.Pattern;

import jakarta.ws.rs.ext.ParamConverter;
import jakarta.ws.rs.ext.ParamConverterProvider;
import jakarta.ws.rs.ext.Provider;

import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;

import dev.chatkeep.problem.RequestProblems;

/**
 * Reads parameters that are no text, and says which one it cannot read. The framework names none, and takes every word but
 * {@code true} for false. A parameter of these types says its name in its annotation, as the framework tells nothing else of
 * it here; {@code ArchitectureTest} finds one that does not.
 */
@Provider
public class ParameterReader implements ParamConverterProvider {

    /** How a type is read from a text, and what a text has to be. */
    private record Rule(Function<String, ?> read, String complaint) {
    }

    private static final Pattern UUIDS = Pattern.compile("\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}");
    private static final Pattern NUMBERS = Pattern.compile("-?[0-9]{1,10}");

    private static final Map<Class<?>, Rule> RULES = Map.of(
            Boolean.class, new Rule(ParameterReader::truth, "must be true or false"),
            Integer.class, new Rule(ParameterReader::number, "must be a whole number"),
            LocalDate.class, new Rule(LocalDate::parse, "must be a day, such as 2026-09-01"),
            UUID.class, new Rule(ParameterReader::uuid, "must be a UUID"));

    @Override
    public <T> ParamConverter<T> getConverter(Class<T> type, Type genericType, Annotation[] annotations) {
        Rule rule = RULES.get(type);
        return rule == null ? null : new Reader<>(type, rule, name(annotations));
    }

    private static String name(Annotation[] annotations) {
        for (Annotation annotation : annotations) {
            if (annotation instanceof RestQuery query) {
                return query.value();
            }
            if (annotation instanceof RestPath path) {
                return path.value();
            }
        }
        return "";
    }

    private static Boolean truth(String text) {
        return switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new IllegalArgumentException();
        };
    }

    private static Integer number(String text) {
        return Integer.valueOf(matching(NUMBERS, text));
    }

    /** Java would also read one with groups that are too short. */
    private static UUID uuid(String text) {
        return UUID.fromString(matching(UUIDS, text));
    }

    private static String matching(Pattern pattern, String text) {
        if (!pattern.matcher(text).matches()) {
            throw new IllegalArgumentException();
        }
        return text;
    }

    private record Reader<T>(Class<T> type, Rule rule, String name) implements ParamConverter<T> {

        @Override
        public T fromString(String text) {
            if (text == null) {
                return null;
            }
            try {
                return type.cast(rule.read().apply(text));
            } catch (IllegalArgumentException | DateTimeException e) {
                throw RequestProblems.ofParameter(name, rule.complaint());
            }
        }

        @Override
        public String toString(T value) {
            return String.valueOf(value);
        }
    }
}
