package dev.chatkeep.session;

import java.io.Serializable;
import java.time.Instant;
import java.util.UUID;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.IdClass;
import jakarta.persistence.Table;

import io.quarkus.hibernate.reactive.panache.PanacheEntityBase;
import io.smallrye.mutiny.Uni;

/** A conversation of one user. Triggers maintain every column but the title and {@code isActive}. */
@Entity
@Table(name = "chat_sessions", schema = "public")
@IdClass(ChatSession.Key.class)
public class ChatSession extends PanacheEntityBase {

    private static final String WAS_DELETED = "select exists (select from chatkeep.counted_sessions c where c.user_id = ?1"
            + " and c.session_id = ?2 and c.deleted_at > now() - interval '1 day')";

    /** Clients create the ids of sessions, so an id is unique only within its user. */
    public record Key(UUID userId, String id) implements Serializable {
    }

    @Id
    @Column(name = "user_id")
    public UUID userId;

    @Id
    public String id;

    public String title;

    @Column(name = "message_count", insertable = false, updatable = false)
    public int messageCount;

    @Column(name = "total_tokens", insertable = false, updatable = false)
    public long totalTokens;

    @Column(name = "last_model", insertable = false, updatable = false)
    public String lastModel;

    @Column(name = "last_message_preview", insertable = false, updatable = false)
    public String lastMessagePreview;

    @Column(name = "last_message_timestamp", insertable = false, updatable = false)
    public Instant lastMessageTimestamp;

    @Column(name = "is_active")
    public boolean isActive;

    @Column(name = "created_at", insertable = false, updatable = false)
    public Instant createdAt;

    @Column(name = "updated_at", insertable = false, updatable = false)
    public Instant updatedAt;

    @Column(name = "last_activity", insertable = false, updatable = false)
    public Instant lastActivity;

    static Uni<ChatSession> find(UUID userId, String id) {
        return findById(new Key(userId, id));
    }

    /** Deletes a session with its messages. */
    static Uni<Long> delete(UUID userId, String id) {
        return delete("userId = ?1 and id = ?2", userId, id);
    }

    /** Whether it was deleted within a day: a delete that is repeated has done what it was asked for. */
    static Uni<Boolean> wasDeleted(UUID userId, String id) {
        return getSession().chain(session -> session
                .createNativeQuery(WAS_DELETED, Boolean.class)
                .setParameter(1, userId).setParameter(2, id).getSingleResult());
    }

    /** Deletes all sessions of a user with their messages. */
    static Uni<Long> deleteAll(UUID userId) {
        return delete("userId = ?1", userId);
    }
}
