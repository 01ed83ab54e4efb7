package dev.chatkeep.security;

import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

import javax.crypto.spec.SecretKeySpec;

import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.inject.Alternative;

import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.consumer.JwtContext;
import org.jose4j.keys.resolvers.HttpsJwksVerificationKeyResolver;
import org.jose4j.keys.resolvers.VerificationKeyResolver;
import org.jose4j.lang.JoseException;

import io.smallrye.jwt.algorithm.SignatureAlgorithm;
import io.smallrye.jwt.auth.principal.DefaultJWTTokenParser;
import io.smallrye.jwt.auth.principal.JWTAuthContextInfo;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipal;
import io.smallrye.jwt.auth.principal.JWTCallerPrincipalFactory;
import io.smallrye.jwt.auth.principal.ParseException;

/**
 * Verifies bearer tokens with a secret and with published keys at the same time. The algorithm in the header selects the key,
 * but only among the configured algorithms. A token that is signed with a public key as if it were a secret is therefore never
 * checked against that key. SmallRye verifies the signature, {@code exp}, {@code nbf} and {@code iss}. The other claims are
 * checked here: {@code role} is known to the database, {@code aud} is ours and {@code sub} is a UUID; a service token may lack
 * the last two.
 */
@ApplicationScoped
@Alternative
@Priority(1)
public class TokenVerifier extends JWTCallerPrincipalFactory {

    static final Set<String> ROLES = Set.of("authenticated", Caller.SERVICE_ROLE);

    /** How long a token is accepted after its {@code exp}. */
    static final Duration CLOCK_SKEW = Duration.ofSeconds(60);

    /** What tokens of some algorithms must have, and where their key is. */
    private interface Source {

        JwtContext parse(String token) throws ParseException;

        /** How long a token that passes from now on may be cached. */
        Duration cacheableFor();
    }

    private record Secret(JWTAuthContextInfo rules, DefaultJWTTokenParser parser, Duration cacheableFor) implements Source {

        @Override
        public JwtContext parse(String token) throws ParseException {
            return parser.parse(token, rules);
        }
    }

    /** SmallRye's own resolver counts in minutes: PublishedKeys takes its place. */
    private static final class Published extends DefaultJWTTokenParser implements Source {

        private final JWTAuthContextInfo rules;
        private final PublishedKeys keys;
        private final VerificationKeyResolver resolver;

        Published(JWTAuthContextInfo rules, PublishedKeys keys) {
            this.rules = rules;
            this.keys = keys;
            HttpsJwksVerificationKeyResolver byHeader = new HttpsJwksVerificationKeyResolver(keys);
            // A token need not name its key.
            byHeader.setDisambiguateWithVerifySignature(true);
            resolver = byHeader;
        }

        @Override
        public JwtContext parse(String token) throws ParseException {
            return parse(token, rules);
        }

        @Override
        protected VerificationKeyResolver getVerificationKeyResolver(JWTAuthContextInfo rules) {
            return resolver;
        }

        @Override
        public Duration cacheableFor() {
            return keys.knownFor();
        }
    }

    private final String audience;
    private final VerifiedTokens verified;
    private final Map<SignatureAlgorithm, Source> sources = new EnumMap<>(SignatureAlgorithm.class);

    public TokenVerifier(AuthConfig config, VerifiedTokens verified) {
        this.verified = verified;
        audience = config.audience();
        config.jwtSecret().ifPresent(secret -> {
            JWTAuthContextInfo rules = rules(config, Set.of(SignatureAlgorithm.HS256));
            rules.setSecretVerificationKey(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            sources.put(SignatureAlgorithm.HS256, new Secret(rules, new DefaultJWTTokenParser(), config.verifiedFor()));
        });
        config.jwksUrl().ifPresent(url -> {
            JWTAuthContextInfo rules = rules(config, Set.of(SignatureAlgorithm.ES256, SignatureAlgorithm.RS256));
            Source source = new Published(rules, new PublishedKeys(url, config.verifiedFor()));
            sources.put(SignatureAlgorithm.ES256, source);
            sources.put(SignatureAlgorithm.RS256, source);
        });
    }

    private static JWTAuthContextInfo rules(AuthConfig config, Set<SignatureAlgorithm> algorithms) {
        JWTAuthContextInfo rules = new JWTAuthContextInfo();
        rules.setSignatureAlgorithm(algorithms);
        config.issuer().ifPresent(rules::setIssuedBy);
        rules.setClockSkew((int) CLOCK_SKEW.toSeconds());
        rules.setRelaxVerificationKeyValidation(false);
        // Names are not needed, and the subject is checked below.
        rules.setRequireNamedPrincipal(false);
        // With zero no iat is required. exp is always required.
        rules.setMaxTimeToLiveSecs(0L);
        return rules;
    }

    @Override
    public JWTCallerPrincipal parse(String token, JWTAuthContextInfo unused) throws ParseException {
        try {
            Source source = sources.get(algorithm(token));
            if (source == null) {
                throw new ParseException("The algorithm of the token is not accepted");
            }
            // Before the keys are looked at: others may replace them at any time.
            Duration most = source.cacheableFor();
            JwtContext context = source.parse(token);
            checkClaims(context.getJwtClaims());
            VerifiedToken principal = new VerifiedToken(token, context.getJwtClaims());
            verified.keep(token, principal, most);
            return principal;
        } catch (ClassCastException e) {
            // jose4j casts header parameters without checking their types.
            throw new ParseException("A header parameter of the token is malformed", e);
        }
    }

    private static SignatureAlgorithm algorithm(String token) throws ParseException {
        try {
            JsonWebSignature signature = new JsonWebSignature();
            signature.setCompactSerialization(token);
            return SignatureAlgorithm.fromAlgorithm(String.valueOf(signature.getAlgorithmHeaderValue()));
        } catch (JoseException | IllegalArgumentException e) {
            throw new ParseException("The token has no known algorithm", e);
        }
    }

    private void checkClaims(JwtClaims claims) throws ParseException {
        try {
            String role = String.valueOf(claims.getClaimValueAsString("role"));
            if (!ROLES.contains(role)) {
                throw new ParseException("The role of the token is not accepted");
            }
            // Supabase's service key has neither a user nor an audience.
            boolean service = role.equals(Caller.SERVICE_ROLE);
            if (claims.hasAudience() ? !claims.getAudience().contains(audience) : !service) {
                throw new ParseException("The audience of the token is another one");
            }
            String subject = claims.getSubject();
            // UUID.fromString also accepts shorter forms, which the database does not.
            if (subject == null ? !service : !UUID.fromString(subject).toString().equalsIgnoreCase(subject)) {
                throw new ParseException("The subject of the token is not a UUID");
            }
        } catch (MalformedClaimException | IllegalArgumentException e) {
            throw new ParseException("A claim of the token is malformed", e);
        }
        // The database reads the claims as jsonb, which can store neither NUL nor an unpaired surrogate.
        String json = claims.toJson();
        if (json.contains("\\u0000") || !isUnicode(json)) {
            throw new ParseException("A claim of the token holds a character that is not Unicode text");
        }
    }

    private static boolean isUnicode(String text) {
        try {
            StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
            return true;
        } catch (CharacterCodingException e) {
            return false;
        }
    }
}
