package dev.chatkeep.testsupport;

import java.util.List;
import java.util.stream.Stream;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.junit.QuarkusTestProfile;

/** A service for one test class alone, with nothing of what the others share. */
public abstract class OwnResources implements QuarkusTestProfile {

    private final List<TestResourceEntry> resources;

    @SafeVarargs
    protected OwnResources(Class<? extends QuarkusTestResourceLifecycleManager>... resources) {
        this.resources = Stream.of(resources).map(TestResourceEntry::new).toList();
    }

    @Override
    public boolean disableGlobalTestResources() {
        return true;
    }

    @Override
    public List<TestResourceEntry> testResources() {
        return resources;
    }
}
