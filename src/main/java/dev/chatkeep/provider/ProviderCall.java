package dev.chatkeep.provider;

import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

import jakarta.ws.rs.core.HttpHeaders;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;

/** A call from its first attempt to its end. Everything about it happens on one Vert.x context. */
public final class ProviderCall {

    /** What is read of an error; the rest is not worth waiting for. */
    private static final int MAX_ERROR_BYTES = 64 << 10;
    /** A provider that has said that this is all gets so long to end its answer, so that the connection can be used again. */
    private static final long TO_END_MILLIS = 1_000;

    private final Context context;
    private final Vertx vertx;
    private final ProviderConfig config;
    private final ProviderListener listener;
    private final Supplier<Future<HttpClientRequest>> connect;
    private final Buffer body;
    private final EventStream events;
    private final long started = System.nanoTime();

    private UniEmitter<? super Void> attempt;
    private UniEmitter<? super Void> place;
    private HttpClientRequest request;
    private HttpClientResponse response;
    private boolean opened;
    private boolean over;
    /** Nothing more is said to the listener. */
    private boolean silent;
    private boolean paused;
    private long lastByte;
    private long timer = -1;

    ProviderCall(Context context, ProviderConfig config, ProviderListener listener,
            Supplier<Future<HttpClientRequest>> connect, Buffer body) {
        this.context = context;
        this.vertx = context.owner();
        this.config = config;
        this.listener = listener;
        this.connect = connect;
        this.body = body;
        this.events = new EventStream(data -> {
            if (!silent) {
                listener.received(data);
            }
        });
    }

    /** One attempt: an item at its first byte, a failure before. */
    Uni<Void> attempt() {
        return Uni.createFrom().<Void> emitter(emitter -> context.runOnContext(now -> send(emitter)))
                .ifNoItem().after(config.firstByteTimeout()).failWith(TimeoutException::new)
                .onFailure().transform(this::failure)
                .onFailure().invoke(() -> context.runOnContext(now -> hangUp()));
    }

    private ProviderFailure failure(Throwable cause) {
        ProviderFailure failure = ProviderFailure.of(cause);
        return config.apiKey().map(failure::without).orElse(failure);
    }

    private void send(UniEmitter<? super Void> emitter) {
        if (over) {
            emitter.fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
            return;
        }
        attempt = emitter;
        connect.get().onComplete(connected -> {
            if (over || emitter != attempt) {
                if (connected.succeeded()) {
                    // Nobody waits for it any more, whatever becomes of it.
                    connected.result().exceptionHandler(failure -> {
                    }).reset();
                }
            } else if (connected.failed()) {
                lose(emitter, connected.cause());
            } else {
                request = connected.result();
                request.exceptionHandler(failure -> lose(emitter, failure));
                request.send(body).onFailure(failure -> lose(emitter, failure)).onSuccess(answer -> answered(emitter, answer));
            }
        });
    }

    /** The handlers have to be there before this returns, or else what happens next is heard by nobody. */
    private void answered(UniEmitter<? super Void> emitter, HttpClientResponse answer) {
        answer.exceptionHandler(failure -> lose(emitter, failure));
        if (answer.statusCode() / 100 == 2) {
            response = answer;
            answer.handler(bytes -> receive(emitter, bytes));
            answer.endHandler(end -> end(emitter));
            return;
        }
        Buffer error = Buffer.buffer();
        answer.handler(bytes -> {
            if (error.length() < MAX_ERROR_BYTES) {
                error.appendBuffer(bytes);
            }
        });
        answer.endHandler(end -> lose(emitter, ProviderFailure.of(answer.statusCode(),
                answer.getHeader(HttpHeaders.RETRY_AFTER), error.toString())));
    }

    /** An item when the call is over, so that its place is free again. */
    Uni<Void> whenOver() {
        return Uni.createFrom().emitter(emitter -> context.runOnContext(now -> {
            place = emitter;
            if (over) {
                emitter.complete(null);
            }
        }));
    }

    /** Hangs up; the listener hears nothing any more. */
    public void cancel() {
        context.runOnContext(now -> {
            silent = true;
            close();
        });
    }

    /** The listener has heard all it wants to; the connection may be used again if the provider ends the answer soon. */
    public void finish() {
        silent = true;
        vertx.setTimer(TO_END_MILLIS, id -> close());
    }

    /** Has the provider wait with the rest of the answer, as far as it does not stand in buffers yet. */
    public void pause() {
        if (!over && response != null) {
            paused = true;
            response.pause();
        }
    }

    public void resume() {
        if (!over && response != null && paused) {
            paused = false;
            lastByte = System.nanoTime();
            response.resume();
        }
    }

    void fail(ProviderFailure failure) {
        boolean news = !silent;
        silent = true;
        close();
        if (news) {
            listener.failed(failure);
        }
    }

    private void receive(UniEmitter<? super Void> emitter, Buffer bytes) {
        if (over || emitter != attempt) {
            return;
        }
        lastByte = System.nanoTime();
        if (!opened) {
            opened = true;
            watch();
            emitter.complete(null);
            listener.opened();
        }
        events.accept(bytes);
    }

    private void lose(UniEmitter<? super Void> emitter, Throwable failure) {
        if (over || emitter != attempt) {
            return;
        }
        if (opened) {
            fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
        } else {
            emitter.fail(failure);
        }
    }

    private void end(UniEmitter<? super Void> emitter) {
        if (over || emitter != attempt) {
            return;
        }
        if (!opened) {
            emitter.fail(ProviderFailure.of(ProviderFailure.Kind.UNREACHABLE));
            return;
        }
        request = null;
        events.end();
        boolean news = !silent;
        silent = true;
        close();
        if (news) {
            listener.ended();
        }
    }

    private void watch() {
        long now = System.nanoTime();
        long left = Math.min(config.idleTimeout().toNanos() - (paused ? 0 : now - lastByte),
                config.callTimeout().toNanos() - (now - started));
        timer = vertx.setTimer(Math.max(1, Duration.ofNanos(left).toMillis() + 1), id -> {
            if (over) {
                return;
            }
            long then = System.nanoTime();
            if (!paused && then - lastByte >= config.idleTimeout().toNanos()
                    || then - started >= config.callTimeout().toNanos()) {
                fail(ProviderFailure.of(ProviderFailure.Kind.TIMED_OUT));
            } else {
                watch();
            }
        });
    }

    private void close() {
        if (over) {
            return;
        }
        over = true;
        vertx.cancelTimer(timer);
        hangUp();
        if (!opened && attempt != null) {
            attempt.fail(ProviderFailure.of(ProviderFailure.Kind.BROKEN_OFF));
        }
        if (place != null) {
            place.complete(null);
        }
    }

    private void hangUp() {
        if (request != null) {
            HttpClientRequest open = request;
            request = null;
            response = null;
            open.reset();
        }
    }
}
