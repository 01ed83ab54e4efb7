package dev.chatkeep.provider;

import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

import jakarta.ws.rs.core.HttpHeaders;

import org.jboss.logging.Logger;

import com.fasterxml.jackson.databind.JsonNode;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;

/** A call of the provider, from its first attempt to its end. All its callbacks run on one Vert.x context. */
public final class ProviderCall {

    private static final Logger LOG = Logger.getLogger(ProviderCall.class);

    /** How much of an error body is read; the rest is not worth waiting for. */
    private static final int MAX_ERROR_BYTES = 64 << 10;
    /**
     * How long the provider may take to end a response that the listener no longer needs. A response that ends leaves the
     * connection reusable.
     */
    private static final long DRAIN_MILLIS = 1_000;

    private final Context context;
    private final Vertx vertx;
    private final ProviderConfig config;
    private final ProviderListener listener;
    private final Supplier<Future<HttpClientRequest>> connect;
    private final Buffer body;
    private final boolean streaming;
    private final EventStream events;
    private final long started = System.nanoTime();

    private UniEmitter<? super Void> attempt;
    private UniEmitter<? super Void> permit;
    private HttpClientRequest request;
    private HttpClientResponse response;
    private Decompression decompression;
    /** The first byte has come. */
    private boolean opened;
    /** The listener knows that the answer is on its way. */
    private boolean announced;
    private boolean finished;
    /** The listener gets no more events. */
    private boolean detached;
    private boolean paused;
    private long lastByte;
    private long timer = -1;

    ProviderCall(Context context, ProviderConfig config, ProviderListener listener,
            Supplier<Future<HttpClientRequest>> connect, Buffer body, boolean streaming, HeldBytes held) {
        this.context = context;
        this.vertx = context.owner();
        this.config = config;
        this.listener = listener;
        this.connect = connect;
        this.body = body;
        this.streaming = streaming;
        this.events = new EventStream(held.share(), data -> {
            if (!detached) {
                listener.received(data);
            }
        });
    }

    /** Makes one attempt. It yields an item at the first byte and a failure before that. */
    Uni<Void> attempt() {
        return Uni.createFrom().<Void> emitter(emitter -> context.runOnContext(now -> send(emitter)))
                .ifNoItem().after(patience()).failWith(TimeoutException::new)
                .onFailure().transform(this::toFailure)
                .onFailure().invoke(() -> context.runOnContext(now -> reset()));
    }

    /** What is written in one piece begins when it is complete. */
    private Duration patience() {
        return streaming ? config.firstByteTimeout()
                : Duration.ofNanos(Math.max(1, config.callTimeout().toNanos() - (System.nanoTime() - started)));
    }

    /** What an error says that the provider sent in place of an answer, or in the middle of one. */
    public ProviderFailure failure(JsonNode error) {
        return toFailure(ProviderFailure.ofError(error));
    }

    private ProviderFailure toFailure(Throwable cause) {
        ProviderFailure failure = ProviderFailure.of(cause);
        return config.apiKey().map(failure::redact).orElse(failure);
    }

    private void send(UniEmitter<? super Void> emitter) {
        if (finished) {
            emitter.fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
            return;
        }
        attempt = emitter;
        connect.get().onComplete(connected -> {
            if (finished || emitter != attempt) {
                if (connected.succeeded()) {
                    // The attempt is over, so the outcome of this connection does not matter.
                    connected.result().exceptionHandler(failure -> {
                    }).reset();
                }
            } else if (connected.failed()) {
                attemptFailed(emitter, ProviderFailure.unsent(connected.cause()));
            } else {
                request = connected.result();
                write(emitter, request);
            }
        });
    }

    private void write(UniEmitter<? super Void> emitter, HttpClientRequest connected) {
        Promise<Throwable> broken = Promise.promise();
        connected.exceptionHandler(broken::tryComplete);
        connected.response().onFailure(broken::tryComplete).onSuccess(received -> onResponse(emitter, received));
        Future<Void> written = connected.end(body);
        // The connection may break first; whether the request was written by then is known a moment later.
        broken.future().onSuccess(failure -> written.onComplete(
                end -> attemptFailed(emitter, end.failed() ? ProviderFailure.unsent(failure) : failure)));
    }

    /** Sets all handlers before it returns. Events that arrive without a handler are lost. */
    private void onResponse(UniEmitter<? super Void> emitter, HttpClientResponse received) {
        received.exceptionHandler(failure -> attemptFailed(emitter, failure));
        boolean successful = received.statusCode() / 100 == 2;
        Decompression body;
        try {
            body = Decompression.of(received.headers().getAll(HttpHeaders.CONTENT_ENCODING));
        } catch (ProviderFailure e) {
            attemptFailed(emitter, successful ? e : failure(received, ""));
            return;
        }
        if (successful) {
            response = received;
            decompression = body;
            received.handler(bytes -> onBytes(emitter, bytes));
            received.endHandler(end -> onEnd(emitter));
        } else {
            onError(emitter, received, body);
        }
    }

    private void onError(UniEmitter<? super Void> emitter, HttpClientResponse received, Decompression body) {
        Buffer error = Buffer.buffer();
        received.handler(bytes -> {
            try {
                if (error.length() < MAX_ERROR_BYTES) {
                    body.accept(bytes, part -> error
                            .appendBuffer(part.slice(0, Math.min(part.length(), MAX_ERROR_BYTES - error.length()))));
                }
            } catch (ProviderFailure e) {
                // The status says enough.
            }
        });
        received.endHandler(end -> {
            body.close();
            attemptFailed(emitter, failure(received, error.toString()));
        });
    }

    private static ProviderFailure failure(HttpClientResponse received, String error) {
        return ProviderFailure.of(received.statusCode(), received.getHeader(HttpHeaders.RETRY_AFTER), error);
    }

    /** Yields an item when the call has finished, which frees its place in the bulkhead. */
    Uni<Void> whenFinished() {
        return Uni.createFrom().emitter(emitter -> context.runOnContext(now -> {
            permit = emitter;
            if (finished) {
                emitter.complete(null);
            }
        }));
    }

    /** Resets the connection. The listener gets no more events. */
    public void cancel() {
        context.runOnContext(now -> {
            detached = true;
            close();
        });
    }

    /**
     * Ends the call when the listener needs no more events. The connection is reused if the provider ends the response soon.
     */
    public void finish() {
        detached = true;
        vertx.setTimer(DRAIN_MILLIS, id -> close());
    }

    /** Stops reading the response, so that the provider has to wait. Data that is already in buffers still arrives. */
    public void pause() {
        if (!finished && response != null) {
            paused = true;
            response.pause();
        }
    }

    public void resume() {
        if (!finished && response != null && paused) {
            paused = false;
            lastByte = System.nanoTime();
            response.resume();
        }
    }

    void fail(ProviderFailure failure) {
        boolean notify = !detached;
        detached = true;
        close();
        if (notify) {
            listener.failed(failure);
        }
    }

    private void onBytes(UniEmitter<? super Void> emitter, Buffer bytes) {
        if (finished || emitter != attempt) {
            return;
        }
        lastByte = System.nanoTime();
        if (!opened) {
            opened = true;
            checkTimeouts();
            emitter.complete(null);
            listener.arrived();
        }
        boolean taken = takeIn(() -> decompression.accept(bytes, part -> {
            if (!finished) {
                events.accept(part);
            }
        }));
        if (taken && !events.isDocument()) {
            announce();
        }
    }

    private void announce() {
        if (!announced && !detached) {
            announced = true;
            listener.opened();
        }
    }

    /** Whatever is wrong with the answer, or with those who read it, ends the call rather than leaving it open. */
    private boolean takeIn(Runnable part) {
        try {
            part.run();
            return true;
        } catch (ProviderFailure e) {
            fail(e);
        } catch (RuntimeException e) {
            LOG.error("An answer could not be taken in", e);
            fail(ProviderFailure.of(ProviderFailure.Kind.INTERNAL));
        }
        return false;
    }

    private void attemptFailed(UniEmitter<? super Void> emitter, Throwable failure) {
        if (finished || emitter != attempt) {
            return;
        }
        if (opened) {
            fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
        } else {
            emitter.fail(failure);
        }
    }

    private void onEnd(UniEmitter<? super Void> emitter) {
        if (finished || emitter != attempt) {
            return;
        }
        if (!opened) {
            emitter.fail(ProviderFailure.of(ProviderFailure.Kind.UNREACHABLE));
            return;
        }
        request = null;
        if (!takeIn(events::end)) {
            return;
        }
        announce();
        boolean notify = !detached;
        detached = true;
        close();
        if (notify) {
            listener.ended();
        }
    }

    private void checkTimeouts() {
        long now = System.nanoTime();
        long leftOfCall = config.callTimeout().toNanos() - (now - started);
        long left = streaming ? Math.min(config.idleTimeout().toNanos() - (paused ? 0 : now - lastByte), leftOfCall)
                : leftOfCall;
        timer = vertx.setTimer(Math.max(1, Duration.ofNanos(left).toMillis() + 1), id -> {
            if (finished) {
                return;
            }
            long then = System.nanoTime();
            if (streaming && !paused && then - lastByte >= config.idleTimeout().toNanos()
                    || then - started >= config.callTimeout().toNanos()) {
                fail(ProviderFailure.of(ProviderFailure.Kind.TIMED_OUT));
            } else {
                checkTimeouts();
            }
        });
    }

    private void close() {
        if (finished) {
            return;
        }
        finished = true;
        events.close();
        if (decompression != null) {
            decompression.close();
        }
        vertx.cancelTimer(timer);
        reset();
        if (!opened && attempt != null) {
            attempt.fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
        }
        if (permit != null) {
            permit.complete(null);
        }
    }

    private void reset() {
        if (request != null) {
            HttpClientRequest open = request;
            request = null;
            response = null;
            open.reset();
        }
    }
}
