package dev.chatkeep.wire;

import java.io.OutputStream;
import java.lang.annotation.Annotation;
import java.lang.reflect.Type;

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
        request.suspend();
        response.setChunked(true);
        parts.pieces()
                .onItem().transformToUniAndConcatenate(piece -> Uni.createFrom().completionStage(() -> response.write(piece)))
                .subscribe().with(written -> {
                }, failure -> {
                    // A client that disconnected is no error.
                    if (!response.closed()) {
                        LOGGER.warn("A response broke off", failure);
                        response.reset();
                    }
                    request.close();
                }, () -> {
                    response.end();
                    request.resume();
                });
    }

    @Override
    public void writeTo(Parts parts, Class<?> type, Type genericType, Annotation[] annotations, MediaType mediaType,
            MultivaluedMap<String, Object> headers, OutputStream stream) {
        throw new UnsupportedOperationException("Parts are written as they come");
    }
}
