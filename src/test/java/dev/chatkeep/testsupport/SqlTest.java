package dev.chatkeep.testsupport;

import java.util.UUID;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;

/** Tests in SQL about a user. The database is that of the class, and the user is new in every test. */
@TestInstance(Lifecycle.PER_CLASS)
public abstract class SqlTest {

    protected final MigratedDatabase database = MigratedDatabase.create();
    protected final SqlCaller superuser = database.superuser();

    protected UUID id;
    protected SqlCaller user;

    @BeforeEach
    protected void aUserSignsUp() {
        id = database.newUser();
        user = database.user(id);
    }
}
