package dev.chatkeep.wire;

import java.io.IOException;
import java.io.OutputStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.MultivaluedMap;
import jakarta.ws.rs.ext.Provider;

import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.core.ResteasyReactiveRequestContext;
import org.jboss.resteasy.reactive.server.spi.ResteasyReactiveResourceInfo;
import org.jboss.resteasy.reactive.server.spi.ServerHttpResponse;
import org.jboss.resteasy.reactive.server.spi.ServerMessageBodyWriter;
import org.jboss.resteasy.reactive.server.spi.ServerRequestContext;

import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;

/** Writes {@link Parts}. A resource that needs them for large responses only can return its record otherwise. */
@Provider
public class PartsWriter implements ServerMessageBodyWriter<Parts> {

    private static final Logger LOGGER = Logger.getLogger(PartsWriter.class);

    @Override
    public boolean isWriteable(Class<?> type, Type genericType, ResteasyReactiveResourceInfo target, MediaType mediaType) {
        return type == Parts.class;
    }

    @Override
    public boolean isWriteable(Class<?> type, Type genericType, Annotation[] annotations, MediaType mediaType) {
        return type == Parts.class;
    }

    @Override
    public void writeResponse(Parts parts, Type genericType, ServerRequestContext context) {
        ServerHttpResponse response = context.serverResponse();
        ResteasyReactiveRequestContext request = (ResteasyReactiveRequestContext) context;
        PartMemory memory = parts.memory();
        request.suspend();
        response.setChunked(true);
        ClientPatience patience = new ClientPatience(request.unwrap(RoutingContext.class), memory.patience());
        // What is being written, or waits for room, fails by this.
        response.addCloseHandler(memory::end);
        parts.pieces()
                .onItem().transformToUniAndConcatenate(slices -> {
                    memory.hold(SlicedOutput.bytes(slices));
                    return Uni.createFrom().completionStage(() -> write(slices, response, patience))
                            .invoke(() -> memory.hold(0));
                })
                .onTermination().invoke(() -> {
                    patience.end();
                    memory.end();
                })
                .subscribe().with(written -> {
                }, failure -> {
                    // A client that disconnected is no error.
                    if (!response.closed()) {
                        if (!(failure instanceof IOException)) {
                            LOGGER.warn("A response broke off", failure);
                        }
                        response.reset();
                    }
                    request.close();
                }, () -> {
                    response.end();
                    request.resume();
                });
    }

    /** Slice by slice: what is written is copied until the client has taken it. */
    private static CompletionStage<Void> write(List<byte[]> slices, ServerHttpResponse response, ClientPatience patience) {
        CompletableFuture<Void> taken = new CompletableFuture<>();
        write(slices.iterator(), response, patience, taken);
        return taken;
    }

    private static void write(Iterator<byte[]> slices, ServerHttpResponse response, ClientPatience patience,
            CompletableFuture<Void> taken) {
        try {
            while (slices.hasNext()) {
                patience.begin();
                CompletableFuture<Void> slice = response.write(slices.next()).toCompletableFuture();
                if (!slice.isDone() || slice.isCompletedExceptionally()) {
                    slice.whenComplete((done, failure) -> {
                        if (failure == null) {
                            write(slices, response, patience, taken);
                        } else {
                            taken.completeExceptionally(failure);
                        }
                    });
                    return;
                }
            }
            patience.pause();
            taken.complete(null);
        } catch (RuntimeException e) {
            taken.completeExceptionally(e);
        }
    }

    @Override
    public void writeTo(Parts parts, Class<?> type, Type genericType, Annotation[] annotations, MediaType mediaType,
            MultivaluedMap<String, Object> headers, OutputStream stream) {
        throw new UnsupportedOperationException("Parts are written as they come");
    }
}
