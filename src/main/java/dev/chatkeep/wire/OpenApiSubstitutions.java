package dev.chatkeep.wire;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

import com.oracle.svm.core.annotate.Alias;
import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

import io.quarkus.arc.Arc;
import io.quarkus.smallrye.openapi.OpenApiFilter;
import io.quarkus.smallrye.openapi.runtime.OpenApiDocumentService;
import io.quarkus.smallrye.openapi.runtime.filter.AutoSecurityFilter;

/**
 * Makes a native executable create the OpenAPI document at the first request for it. Quarkus creates it at every start. That
 * takes a third of the start-up time, and most instances never need it.
 */
final class OpenApiSubstitutions {

    private OpenApiSubstitutions() {
    }

    /** Holds the factory for the first request. Requests that arrive meanwhile wait for its result. */
    static final class Description {

        private static final Map<String, OpenApiDocumentService> WRITTEN = new ConcurrentHashMap<>();
        private static volatile Supplier<OpenApiDocumentService> writer;

        private Description() {
        }

        static OpenApiDocumentService get() {
            return WRITTEN.computeIfAbsent("description", key -> writer.get());
        }
    }

    @TargetClass(className = "io.quarkus.smallrye.openapi.runtime.OpenApiRecorder")
    static final class Recorder {

        private Recorder() {
        }

        @Substitute
        public void prepareDocument(AutoSecurityFilter security, Map<OpenApiFilter.RunStage, List<String>> filters,
                String name) {
            Description.writer = () -> {
                OpenApiDocumentService service = Arc.container().select(OpenApiDocumentService.class).get();
                ((Service) (Object) service).prepareDocument(security, filters, name);
                return service;
            };
        }
    }

    @TargetClass(className = "io.quarkus.smallrye.openapi.runtime.OpenApiHandler")
    static final class Handler {

        private Handler() {
        }

        @Substitute
        private OpenApiDocumentService getOpenApiDocumentService() {
            return Description.get();
        }
    }

    @TargetClass(className = "io.quarkus.smallrye.openapi.runtime.OpenApiDocumentService")
    static final class Service {

        private Service() {
        }

        @Alias
        native void prepareDocument(AutoSecurityFilter security, Map<OpenApiFilter.RunStage, List<String>> filters,
                String name);
    }
}
