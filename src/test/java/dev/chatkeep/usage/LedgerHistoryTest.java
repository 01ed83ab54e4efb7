package dev.chatkeep.usage;

import static dev.chatkeep.testsupport.SqlCaller.json;
import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;
import dev.chatkeep.testsupport.WithinOneDay;

/** Random histories beside a model of what they ought to come to, message by message. */
@WithinOneDay
@BesideOthers
class LedgerHistoryTest {

    private static final int STEPS = 150;
    private static final List<String> MODELS = List.of("one", "two", "three");

    /** Answers of calls whose own cost and that of their question, as they note them, are not what the ledger has. */
    private static final String NOTED_OTHERWISE = """
            select m.id, m.metadata, c.cost
              from chatkeep.charges c
              join public.chat_messages m on m.id = c.message_id
             where c.stream_id is not null and c.messages_received = 1 and m.error_message is null
               and c.cost is distinct from (m.metadata ->> 'cost')::numeric + (m.metadata ->> 'question_cost')::numeric
            """;

    private static MigratedDatabase database;

    private UUID id;
    private SqlCaller user;
    private Random random;
    /** The prices of a token now, in, out and cached (null: as in), by model; {@code three} has none. */
    private final Map<String, Integer[]> prices = new TreeMap<>();
    private final Map<String, Message> stored = new TreeMap<>();
    private final Map<String, Charge> charges = new TreeMap<>();
    private final Map<String, Call> calls = new TreeMap<>();

    /** A message as its client knows it. */
    private record Message(String id, String role, String model, Integer input, Integer output, String question,
            boolean failed) {
    }

    /** What is counted of it. */
    private record Charge(String model, int sent, int received, int input, int output, int questionTokens, String question,
            Integer inputCost, Integer outputCost, int cached, Integer cachedCost, BigDecimal toldCost, boolean byService) {

        /** Without what only calls of the service have. */
        Charge(String model, int sent, int received, int input, int output, String question, Integer inputCost,
                Integer outputCost, boolean byService) {
            this(model, sent, received, input, output, 0, question, inputCost, outputCost, 0, null, null, byService);
        }

        Charge withQuestion(int tokens) {
            return new Charge(model, sent, received, input, output, tokens, question, inputCost, outputCost, cached, cachedCost,
                    toldCost, byService);
        }

        BigDecimal cost() {
            if (toldCost != null) {
                return toldCost;
            }
            int inputPrice = or(inputCost, 0);
            return BigDecimal.valueOf((input + questionTokens - cached) * inputPrice + cached * or(cachedCost, inputPrice)
                    + output * or(outputCost, 0));
        }

        int unpriced() {
            return sent == 1 && model == null && !byService ? input : 0;
        }
    }

    /** A call that has begun, with the prices of then. */
    private record Call(String question, String model, Integer[] prices) {
    }

    @BeforeAll
    static void migrate() {
        database = MigratedDatabase.create();
    }

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3, 4, 5, 6, 7, 8 })
    void aRandomHistoryAddsUpToWhatTheModelExpects(long seed) {
        random = new Random(seed);
        id = database.newUser();
        user = database.user(id);
        user.rows("select chatkeep.create_session(?, 's1', 'A title')", id);
        List.of("one", "two").forEach(this::reprice);

        for (int step = 0; step < STEPS; step++) {
            switch (random.nextInt(12)) {
                case 0 -> delete();
                case 1 -> reprice(MODELS.get(random.nextInt(2)));
                case 2, 3 -> begin(step);
                case 4, 5 -> finish();
                case 6, 7 -> upload(random.nextInt(6) + 1);
                default -> upload(1);
            }
            assertThat(actual()).as("seed %d, step %d", seed, step).isEqualTo(expected());
        }

        assertThat(database.service().rows("select * from chatkeep.check_usage(?)", id)).isEmpty();
        assertThat(user.rows(NOTED_OTHERWISE)).isEmpty();
        assertThat(user.rows("select from chatkeep.usage_by_model where least(messages_sent, messages_received, input_tokens,"
                + " output_tokens, cost) < 0")).isEmpty();
    }

    private void delete() {
        if (random.nextInt(4) == 0) {
            user.rows("delete from public.chat_sessions");
            user.rows("select chatkeep.create_session(?, 's1', 'A title')", id);
            stored.clear();
        } else if (!stored.isEmpty()) {
            String gone = new ArrayList<>(stored.keySet()).get(random.nextInt(stored.size()));
            user.rows("delete from public.chat_messages where id = ?", gone);
            stored.remove(gone);
        }
    }

    private void reprice(String model) {
        Integer[] price = { random.nextInt(9), random.nextInt(9), random.nextInt(3) == 0 ? null : random.nextInt(9) };
        database.superuser().rows(
                """
                        insert into public.model_access (
                            model_id, tier, input_cost_per_token, output_cost_per_token, cached_input_cost_per_token)
                        values (?, 'free', ?, ?, ?::int)
                        on conflict (model_id, tier) do update
                            set input_cost_per_token = excluded.input_cost_per_token, output_cost_per_token = excluded.output_cost_per_token,
                                cached_input_cost_per_token = excluded.cached_input_cost_per_token
                        """,
                model, price[0], price[1], price[2]);
        prices.put(model, price);
    }

    /** Sends messages, new ones or old ones changed, one by one or as a whole. */
    private void upload(int count) {
        Map<String, Message> sent = new TreeMap<>();
        for (int i = 0; i < count; i++) {
            Message message = randomMessage();
            sent.put(message.id(), message);
        }
        List<String> bodies = sent.values().stream().map(LedgerHistoryTest::body).toList();
        if (count == 1) {
            user.rows("select chatkeep.append_message(?, 's1', ?::jsonb)", id, json(bodies.get(0)).toString());
        } else {
            user.rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                    json("[{'id': 's1', 'messages': [%s]}]".formatted(String.join(", ", bodies))).toString());
        }
        sent.values().forEach(message -> stored.merge(message.id(), message, LedgerHistoryTest::merged));
        sent.keySet().forEach(this::charge);
        sent.keySet().forEach(this::chargeAnswers);
    }

    private Message randomMessage() {
        boolean question = random.nextBoolean();
        String name = (question ? "q" : "a") + random.nextInt(6);
        boolean turned = random.nextInt(12) == 0;
        return new Message(name, question != turned ? "user" : "assistant",
                random.nextInt(3) == 0 ? null : MODELS.get(random.nextInt(3)),
                random.nextInt(4) == 0 ? null : random.nextInt(20), random.nextInt(4) == 0 ? null : random.nextInt(20),
                random.nextInt(3) == 0 ? null : "q" + random.nextInt(6), random.nextInt(8) == 0);
    }

    private static String body(Message message) {
        return "{'id': '%s', 'role': '%s', 'content': 'x'%s%s%s%s%s}".formatted(message.id(), message.role(),
                message.model() == null ? "" : ", 'model': '" + message.model() + "'",
                message.input() == null ? "" : ", 'input_tokens': " + message.input(),
                message.output() == null ? "" : ", 'output_tokens': " + message.output(),
                message.question() == null ? "" : ", 'user_message_id': '" + message.question() + "'",
                message.failed() ? ", 'error': true" : "");
    }

    /** What a second sending does not say is as it was. */
    private static Message merged(Message old, Message sent) {
        return new Message(sent.id(), sent.role(), or(sent.model(), old.model()), or(sent.input(), old.input()),
                or(sent.output(), old.output()), or(sent.question(), old.question()), sent.failed());
    }

    private static <T> T or(T first, T second) {
        return first == null ? second : first;
    }

    private static BigDecimal greatest(BigDecimal first, BigDecimal second) {
        return first == null || second == null ? or(first, second) : first.max(second);
    }

    private void charge(String message) {
        Charge old = charges.get(message);
        Message now = stored.get(message);
        if (now.failed() || old != null && old.byService()) {
            return;
        }
        boolean asks = now.role().equals("user");
        String model = or(now.model(), old == null ? null : old.model());
        boolean samePrice = old != null && model != null && model.equals(old.model());
        Integer[] price = model == null ? null : prices.get(model);
        Integer tokensIn = or(now.input(), old == null ? null : Integer.valueOf(old.input()));
        Integer tokensOut = or(now.output(), old == null ? null : Integer.valueOf(old.output()));
        charges.put(message,
                new Charge(model, asks ? 1 : 0, asks ? 0 : 1, asks ? or(tokensIn, 0) : 0, asks ? 0 : or(tokensOut, 0),
                        asks ? null : or(now.question(), old == null ? null : old.question()),
                        samePrice ? old.inputCost() : price == null ? null : price[0],
                        samePrice ? old.outputCost() : price == null ? null : price[1], false));
        chargeQuestion(message);
    }

    private void chargeAnswers(String question) {
        charges.forEach((name, charge) -> {
            if (question.equals(charge.question())) {
                chargeQuestion(name);
            }
        });
    }

    /** Charges an answer that a client has uploaded with its question, if that names no model. */
    private void chargeQuestion(String answer) {
        Charge charge = charges.get(answer);
        if (charge.received() == 1 && !charge.byService()) {
            Charge question = charge.question() == null || charge.model() == null ? null : charges.get(charge.question());
            charges.put(answer, charge.withQuestion(question == null ? 0 : question.unpriced()));
        }
    }

    /** A call of the service, with a question that may be there already. */
    private void begin(int step) {
        String question = "q" + random.nextInt(6);
        if (stored.containsKey(question) && !stored.get(question).role().equals("user")) {
            return;
        }
        String model = MODELS.get(random.nextInt(2));
        user.rows("select chatkeep.begin_completion(?, ?::jsonb)", id, json("""
                {'id': 'r%d', 'model': '%s', 'session_id': 's1', 'lease_seconds': 3600, 'prompt_tokens': 0,
                 'question': {'id': '%s', 'content': 'x'}}
                """.formatted(step, model, question)).toString());
        calls.put("r" + step, new Call(question, model, prices.get(model)));
        Message asked = stored.get(question);
        stored.put(question, asked == null ? new Message(question, "user", model, null, null, null, false)
                : merged(asked, new Message(question, "user", null, null, null, null, false)));
        if (asked == null || asked.failed()) {
            charge(question);
            chargeAnswers(question);
        }
    }

    /**
     * What a call took is told once or again, and then can only be more. Cached tokens are those that were told with the most
     * input.
     */
    private void finish() {
        if (calls.isEmpty()) {
            return;
        }
        String stream = new ArrayList<>(calls.keySet()).get(random.nextInt(calls.size()));
        Call call = calls.get(stream);
        int input = random.nextInt(20);
        int output = random.nextInt(20);
        int cached = random.nextInt(3) == 0 ? 0 : random.nextInt(25);
        boolean trusted = random.nextInt(3) == 0;
        BigDecimal cost = BigDecimal.valueOf(random.nextInt(100_000), 3);
        database.service().rows("select chatkeep.finish_completion(?, ?::jsonb)", id, json("""
                {'id': '%s', 'state': 'complete', 'content': 'Answer', 'content_type': 'text', 'input_tokens': %d,
                 'output_tokens': %d, 'trust_cost': %s, 'metadata': {'cached_tokens': %d, 'provider_cost': %s}}
                """.formatted(stream, input, output, trusted, cached, cost)).toString());
        Charge old = charges.get(stream);
        boolean counts = old == null || input >= old.input();
        charges.put(stream, new Charge(call.model(), 0, 1, counts ? input : old.input(),
                Math.max(output, old == null ? 0 : old.output()), 0, call.question(), call.prices()[0], call.prices()[1],
                counts ? Math.min(cached, input) : old.cached(), call.prices()[2],
                greatest(old == null ? null : old.toldCost(), trusted ? cost : null), true));
        Charge question = charges.get(call.question());
        if (question == null) {
            charges.put(call.question(), new Charge(call.model(), 1, 0, 0, 0, null, null, null, true));
        } else if (question.sent() == 1 && !question.byService()) {
            charges.put(call.question(),
                    new Charge(question.model(), 1, 0, 0, 0, null, question.inputCost(), question.outputCost(),
                            true));
        }
        chargeAnswers(call.question());
    }

    private Map<String, String> expected() {
        Map<String, String> lines = new TreeMap<>();
        charges.forEach((name, charge) -> lines.put(name, line(charge.model(), charge.sent(), charge.received(), charge.input(),
                charge.output(), charge.questionTokens(), charge.cached(), charge.cost())));
        return lines;
    }

    private Map<String, String> actual() {
        Map<String, String> lines = new TreeMap<>();
        user.rows("select * from chatkeep.charges").forEach(row -> lines.put((String) row.get("message_id"), line(
                (String) row.get("model"), (Long) row.get("messages_sent"), (Long) row.get("messages_received"),
                (Long) row.get("input_tokens"), (Long) row.get("output_tokens"), (Long) row.get("question_tokens"),
                (Long) row.get("cached_tokens"),
                (BigDecimal) row.get("cost"))));
        return lines;
    }

    private static String line(String model, long sent, long received, long input, long output, long question,
            long cached, BigDecimal cost) {
        return "%s sent %d received %d input %d output %d question %d cached %d cost %s".formatted(model, sent, received, input,
                output,
                question, cached, cost.stripTrailingZeros().toPlainString());
    }
}
