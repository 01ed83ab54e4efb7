package dev.chatkeep.wire;

import java.time.Duration;

import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpVersion;
import io.vertx.core.net.impl.ConnectionBase;
import io.vertx.ext.web.RoutingContext;

/** Closes the connection of a client that takes nothing for too long. */
final class ClientPatience {

    private final RoutingContext exchange;
    private final long nanos;
    private final long timer;
    private volatile boolean waits;
    private volatile long since;

    ClientPatience(RoutingContext exchange, Duration patience) {
        this.exchange = exchange;
        this.nanos = patience.toNanos();
        this.timer = exchange.vertx().setPeriodic(Math.max(patience.toMillis() / 4, 1), ignored -> check());
    }

    /** Something has been written, and the client is to take it. */
    void begin() {
        since = System.nanoTime();
        waits = true;
    }

    /** The client has taken all that was written. */
    void pause() {
        waits = false;
    }

    void end() {
        exchange.vertx().cancelTimer(timer);
    }

    private void check() {
        if (waits && System.nanoTime() - since >= nanos) {
            end();
            HttpServerRequest request = exchange.request();
            if (request.version() == HttpVersion.HTTP_2) {
                request.response().reset();
            } else {
                // Past the handler of Vert.x, which would wait until what is written has been taken.
                ((ConnectionBase) request.connection()).channelHandlerContext().close();
            }
        }
    }
}
