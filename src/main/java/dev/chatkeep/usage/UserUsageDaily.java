package dev.chatkeep.usage;

import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.UUID;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.Table;

import org.hibernate.annotations.Immutable;
import org.hibernate.annotations.JdbcTypeCode;
import org.hibernate.type.SqlTypes;

import io.quarkus.hibernate.reactive.panache.PanacheEntityBase;
import io.smallrye.mutiny.Uni;

/** The usage of a user on a UTC day. {@code track_user_usage} writes it in the transaction of the messages that it counts. */
@Entity
@Immutable
@Table(name = "user_usage_daily", schema = "public")
public class UserUsageDaily extends PanacheEntityBase {

    @Id
    public UUID id;

    @Column(name = "user_id")
    public UUID userId;

    @Column(name = "usage_date")
    public LocalDate usageDate;

    @Column(name = "messages_sent")
    public long messagesSent;

    @Column(name = "messages_received")
    public long messagesReceived;

    @Column(name = "input_tokens")
    public long inputTokens;

    @Column(name = "output_tokens")
    public long outputTokens;

    @Column(name = "total_tokens")
    public long totalTokens;

    /** Model id to number of answers, as JSON. */
    @Column(name = "models_used")
    @JdbcTypeCode(SqlTypes.JSON)
    public String modelsUsed;

    @Column(name = "sessions_created")
    public long sessionsCreated;

    /** The number of distinct minutes in which something was recorded. */
    @Column(name = "active_minutes")
    public long activeMinutes;

    @Column(name = "estimated_cost")
    public BigDecimal estimatedCost;

    @Column(name = "created_at")
    public Instant createdAt;

    @Column(name = "updated_at")
    public Instant updatedAt;

    /** The days of one user in a range, both ends included, oldest first. */
    public static Uni<List<UserUsageDaily>> between(UUID userId, LocalDate from, LocalDate to) {
        return list("userId = ?1 and usageDate between ?2 and ?3 order by usageDate", userId, from, to);
    }
}
