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

    /** {@code c1} with three messages, which were sent in another order than they were said. */
    protected void storeConversation() {
        user.rows("select public.sync_user_conversations(?, ?::jsonb)", id,
                SqlCaller
                        .json("""
                                [{'id': 'c1', 'title': 'A title', 'createdAt': '2026-01-01T00:00:00Z', 'updatedAt': '2026-01-01T01:00:00Z', 'messages': [
                                    {'id': 'm1', 'role': 'assistant', 'content': 'second', 'timestamp': '2026-01-01T00:02:00Z', 'output_tokens': 7},
                                    {'id': 'm2', 'role': 'user', 'content': 'first', 'timestamp': '2026-01-01T00:01:00Z', 'input_tokens': 5},
                                    {'id': 'm3', 'role': 'user', 'content': 'third', 'timestamp': '2026-01-01T00:02:00Z'}]}]
                                """)
                        .toString());
    }
}
