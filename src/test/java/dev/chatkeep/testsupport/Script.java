package dev.chatkeep.testsupport;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * How {@link ScriptedProvider} answers a request: steps in their order. Status and headers go out with the first byte of the
 * body. After the last step the body ends as it should, unless the connection is gone by then.
 */
public final class Script {

    private interface Step {

        void perform(Answer answer) throws IOException, InterruptedException;
    }

    /** An answer that is no completion. */
    record Document(int status, Map<String, String> headers, byte[] body) {
    }

    private static final Step END = Answer::end;

    private final boolean streamed;
    /** null: a completion. */
    private final Document document;
    private final List<Step> steps = new ArrayList<>();
    private String id;
    private String model;
    private int pieceLength;

    private Script(boolean streamed, Document document) {
        this.streamed = streamed;
        this.document = document;
    }

    /**
     * Events, each in a chunk of its own. A request that asks for no stream gets one document instead, in which raw bytes and
     * events leave no trace.
     */
    public static Script streamed() {
        return new Script(true, null);
    }

    /** One document, also for a request that asks for a stream. It goes out after all steps. */
    public static Script whole(String content, int promptTokens, int completionTokens) {
        return new Script(false, null).delta(content).usage(promptTokens, completionTokens);
    }

    /** Any other document, of JSON unless the headers say otherwise. It goes out after all steps. */
    public static Script json(int status, Map<String, String> headers, String body) {
        return bytes(status, headers, body.getBytes(StandardCharsets.UTF_8));
    }

    /** Any other body, whatever the request asked for; of JSON unless the headers say otherwise. */
    public static Script bytes(int status, Map<String, String> headers, byte[] body) {
        return new Script(false, new Document(status, headers, body));
    }

    /** Nothing for so long, then the end of the connection. */
    public static Script silence(Duration duration) {
        return new Script(false, null).pause(duration).hangUp();
    }

    /** The end of the connection as soon as the request has been read. */
    public static Script reset() {
        return new Script(false, null).breakOff();
    }

    public Script delta(String content) {
        return times(1, content);
    }

    /** The same piece of the answer so many times. */
    public Script times(int times, String content) {
        return then(answer -> answer.deltas(times, content));
    }

    /** @param data of an event of its own; what consists of several lines is sent as several lines */
    public Script event(String data) {
        return then(answer -> answer.event(data));
    }

    /** Bytes of the body, as they are. In front of a document they may be white space or half of another one. */
    public Script raw(byte[] bytes) {
        return then(answer -> answer.raw(bytes));
    }

    public Script raw(String text) {
        return raw(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Status and headers now, before there is a body. */
    public Script head() {
        return then(Answer::head);
    }

    public Script pause(Duration duration) {
        return then(answer -> {
            answer.flush();
            TimeUnit.NANOSECONDS.sleep(duration.toNanos());
        });
    }

    public Script holdUntil(CountDownLatch latch) {
        return then(answer -> {
            answer.flush();
            latch.await();
        });
    }

    /** The chunk that says why the answer ends here. */
    public Script finish(String reason) {
        return then(answer -> answer.finish(reason));
    }

    public Script usage(int promptTokens, int completionTokens) {
        return usageJson(Completion.usageOf(promptTokens, completionTokens));
    }

    /** @param usage any JSON that stands where usage does; a stream has it if the request asked for it */
    public Script usageJson(String usage) {
        return then(answer -> answer.usage(usage));
    }

    /** What a stream ends with: why, unless it was said; usage, if there is any; {@code [DONE]}. */
    public Script done() {
        return then(Answer::done);
    }

    /** The end of the body. Only for what is to come after it; all scripts end with this by themselves. */
    public Script end() {
        return then(END);
    }

    /** Closes the connection, in the middle of the body or before it. */
    public Script hangUp() {
        return then(Answer::hangUp);
    }

    /** Resets the connection. What was sent right before may be lost on the way: pause first where it matters. */
    public Script breakOff() {
        return then(Answer::breakOff);
    }

    /** Instead of a unique one. */
    public Script id(String completionId) {
        this.id = completionId;
        return this;
    }

    /** Instead of the one that was asked. */
    public Script model(String name) {
        this.model = name;
        return this;
    }

    /** Has the whole body, wherever in the script this stands, go out in chunks of one byte. */
    public Script byteAtATime() {
        return inPieces(1);
    }

    /** Has the whole body go out in chunks of so many bytes, wherever they cut events and characters. */
    public Script inPieces(int bytes) {
        this.pieceLength = bytes;
        return this;
    }

    private Script then(Step step) {
        steps.add(step);
        return this;
    }

    boolean isStreamed() {
        return streamed;
    }

    /** null: a completion. */
    Document document() {
        return document;
    }

    /** 0: in one piece. */
    int pieceLength() {
        return pieceLength;
    }

    Completion completion(String uniqueId, String requestedModel) {
        return Completion.of(id == null ? uniqueId : id, model == null ? requestedModel : model);
    }

    void perform(Answer answer) throws IOException, InterruptedException {
        for (Step step : steps) {
            if (step != END) {
                answer.send(); // what the step before wrote, so that each arrives by itself
            }
            step.perform(answer);
        }
        answer.end();
    }
}
