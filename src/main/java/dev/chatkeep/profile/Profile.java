package dev.chatkeep.profile;

import java.math.BigDecimal;
import java.time.Instant;
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

/** A user. Profiles are created from auth.users and changed by functions of the schema only. */
@Entity
@Immutable
@Table(name = "profiles", schema = "public")
public class Profile extends PanacheEntityBase {

    @Id
    public UUID id;

    public String email;

    @Column(name = "full_name")
    public String fullName;

    @Column(name = "avatar_url")
    public String avatarUrl;

    @Column(name = "default_model")
    public String defaultModel;

    public BigDecimal temperature;

    @Column(name = "system_prompt")
    public String systemPrompt;

    @Column(name = "subscription_tier")
    public String subscriptionTier;

    public int credits;

    @Column(name = "allowed_models")
    @JdbcTypeCode(SqlTypes.ARRAY)
    public List<String> allowedModels;

    @Column(name = "created_at")
    public Instant createdAt;

    @Column(name = "updated_at")
    public Instant updatedAt;

    @Column(name = "last_active")
    public Instant lastActive;
}
