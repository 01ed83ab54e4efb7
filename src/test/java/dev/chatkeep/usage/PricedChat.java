package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.Granted.granted;

import java.math.BigDecimal;
import java.util.EnumMap;
import java.util.Map;
import java.util.stream.Stream;

import dev.chatkeep.testsupport.Administrator;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Chat;
import dev.chatkeep.testsupport.Models;

/** A new user with one conversation, and the models that it names, which no other test prices. */
final class PricedChat {

    /** What a model costs at first, per token. */
    enum Model {

        CHEAP("0.01", "0.1"),
        DEAR("1", "2"),
        SMALL("0.0000005", "0.0000015"),
        SMALLEST("0", "0.000000000001"),
        /** In no tier, unless a test opens it. */
        UNLISTED(null, null);

        private final String input;
        private final String output;

        Model(String input, String output) {
            this.input = input;
            this.output = output;
        }
    }

    /** What a test sends: what is null is not sent. */
    record Message(String role, String id, String question, Model model, int tokens, boolean hasFailed) {

        /** A question {@code q1} that names no model. */
        static Message question(int tokens) {
            return new Message("user", "q1", null, null, tokens, false);
        }

        /** The answer {@code a1} of {@link Model#CHEAP} to {@code q1}. */
        static Message answer(int tokens) {
            return new Message("assistant", "a1", "q1", Model.CHEAP, tokens, false);
        }

        Message withId(String other) {
            return new Message(role, other, question, model, tokens, hasFailed);
        }

        Message to(String other) {
            return new Message(role, id, other, model, tokens, hasFailed);
        }

        Message toNothing() {
            return to(null);
        }

        Message naming(Model other) {
            return new Message(role, id, question, other, tokens, hasFailed);
        }

        Message namingNoModel() {
            return naming(null);
        }

        Message failed() {
            return new Message(role, id, question, model, tokens, true);
        }
    }

    private final Caller caller = Caller.fresh();
    private final Map<Model, String> ids;
    private final Map<Model, String> rows;
    private boolean isStarted;

    PricedChat() {
        this(new EnumMap<>(Model.class), new EnumMap<>(Model.class));
        // What is stored is priced then, so a model that is named late must have had its price before.
        id(Model.CHEAP);
        id(Model.DEAR);
    }

    private PricedChat(Map<Model, String> ids, Map<Model, String> rows) {
        this.ids = ids;
        this.rows = rows;
    }

    /** The conversation of another new user, who uses the same models. */
    PricedChat ofAnotherUser() {
        return new PricedChat(ids, rows);
    }

    Caller caller() {
        return caller;
    }

    /** The model's id, which is opened for everybody when it is first asked for. */
    String id(Model model) {
        return ids.computeIfAbsent(model, unknown -> {
            String id = Models.freshId();
            if (model != Model.UNLISTED) {
                rows.put(model, Models.open(id, "free", model.input, model.output));
            }
            return id;
        });
    }

    /** Opens the model at another price for those of a tier and above. */
    PricedChat opens(String tier, Model model, String inputCost, String outputCost) {
        Models.open(id(model), tier, inputCost, outputCost);
        return this;
    }

    /** Creates the session unless it is there. */
    PricedChat starts() {
        if (!isStarted) {
            caller.hasSession("s1", "A title");
            isStarted = true;
        }
        return this;
    }

    PricedChat stores(Message message) {
        return stores(body(message));
    }

    PricedChat stores(Map<String, Object> message) {
        starts();
        Chat.store(caller, message);
        return this;
    }

    /** Sends the whole conversation, as a device does. */
    @SuppressWarnings("unchecked")
    PricedChat uploads(Message... messages) {
        Map<String, Object>[] bodies = Stream.of(messages).map(this::body).toArray(Map[]::new);
        granted(Chat.upload(caller, bodies));
        isStarted = true;
        return this;
    }

    PricedChat deletesTheConversation() {
        caller.hasDeleted("s1");
        isStarted = false;
        return this;
    }

    PricedChat deletesEverything() {
        granted(caller.clearAll());
        isStarted = false;
        return this;
    }

    /** From now on a token of a question costs this. */
    PricedChat changesInput(Model model, String cost) {
        Models.change(rows.get(model), "{\"input_cost_per_token\": %s}".formatted(cost));
        return this;
    }

    /** From now on a token of an answer costs this. */
    PricedChat changesOutput(Model model, String cost) {
        Models.change(rows.get(model), "{\"output_cost_per_token\": %s}".formatted(cost));
        return this;
    }

    PricedChat changes(Model model, String inputCost, String outputCost) {
        Models.change(rows.get(model),
                "{\"input_cost_per_token\": %s, \"output_cost_per_token\": %s}".formatted(inputCost, outputCost));
        return this;
    }

    PricedChat movesTo(String tier) {
        starts();
        Administrator.service().setTier(caller, tier);
        return this;
    }

    PricedChat closes(Model model) {
        Models.close(rows.get(model));
        return this;
    }

    /** What all of it comes to. */
    BigDecimal cost() {
        return Chat.cost(caller);
    }

    BigDecimal cost(Model model) {
        return Chat.cost(caller, id(model));
    }

    Map<String, Object> body(Message message) {
        String model = message.model() == null ? null : id(message.model());
        Map<String, Object> body = message.role().equals("user")
                ? Chat.question(message.id(), model, message.tokens())
                : Chat.answer(message.id(), message.question(), model, message.tokens());
        return message.hasFailed() ? Chat.failed(body) : body;
    }
}
