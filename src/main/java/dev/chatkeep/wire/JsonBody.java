package dev.chatkeep.wire;

import java.io.IOException;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.Validator;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;

import dev.chatkeep.problem.RequestProblems;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;

/**
 * Reads bodies as the framework does, which reads them on the event loop, whatever their size: large ones are read and
 * validated on a worker thread. Its types are registered for reflection, because no resource method names them.
 */
@ApplicationScoped
public class JsonBody {

    /** What is made of a body on the same thread. */
    @FunctionalInterface
    public interface Preparation<T, R> {

        R of(T body) throws IOException;
    }

    /** Reading this much takes about a millisecond. */
    private static final int SMALL_BYTES = 64 << 10;

    private final ObjectMapper json;
    private final Validator validator;

    public JsonBody(ObjectMapper json, Validator validator) {
        this.json = json;
        this.validator = validator;
    }

    /** The body, validated. It is emitted on the context of the request. */
    public <T> Uni<T> read(byte[] body, Class<T> type) {
        return read(body, type, value -> value);
    }

    /** As {@link #read(byte[], Class)}, for what takes as long as reading does. */
    public <T, R> Uni<R> read(byte[] body, Class<T> type, Preparation<T, R> preparation) {
        boolean large = body != null && body.length > SMALL_BYTES;
        Uni<R> reading = OffEventLoop.runIf(large, () -> preparation.of(value(body, type)));
        Context context = large ? Vertx.currentContext() : null;
        // The session of entities stays with the thread that opened it.
        return context == null ? reading : reading.emitOn(work -> context.runOnContext(ignored -> work.run()));
    }

    private <T> T value(byte[] body, Class<T> type) {
        try {
            return RequestProblems.requireValid(validator,
                    body == null || body.length == 0 ? null : json.readValue(body, type));
        } catch (MismatchedInputException e) {
            throw RequestProblems.of(e);
        } catch (IOException e) {
            throw RequestProblems.malformed();
        }
    }
}
