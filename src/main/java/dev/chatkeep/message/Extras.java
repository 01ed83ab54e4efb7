package dev.chatkeep.message;

import java.util.List;
import java.util.Map;

import io.vertx.core.json.JsonObject;

/**
 * What clients say of a message besides, and the service only keeps. By SQL users may have stored what no client sends: a
 * member of another type is left out.
 */
final class Extras {

    private static final Extras NONE = new Extras(Map.of());

    private final Map<String, Object> members;

    private Extras(Map<String, Object> members) {
        this.members = members;
    }

    /** @param stored null where nothing was said */
    static Extras of(JsonObject stored) {
        return stored == null ? NONE : new Extras(stored.getMap());
    }

    String text(String name) {
        return members.get(name) instanceof String text ? text : null;
    }

    Integer number(String name) {
        return members.get(name) instanceof Integer number ? number : null;
    }

    Boolean truth(String name) {
        return members.get(name) instanceof Boolean truth ? truth : null;
    }

    @SuppressWarnings("unchecked")
    List<Object> list(String name) {
        return members.get(name) instanceof List<?> list ? (List<Object>) list : null;
    }

    /** As it is: JSON of any type. */
    Object value(String name) {
        return members.get(name);
    }
}
