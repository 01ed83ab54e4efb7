package dev.chatkeep.session;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;

@QuarkusTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class SessionResourceTest {

    @Test
    void aNewSessionIsListed() {
        Caller caller = Caller.fresh();
        caller.createSession("s1", "A title").then().statusCode(201);

        List<String> titles = caller.listSessions().then().statusCode(200).extract().path("sessions.title");

        assertThat(titles).containsExactly("A title");
    }
}
