package dev.chatkeep.wire;

import java.lang.annotation.ElementType;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.Path;
import jakarta.validation.TraversableResolver;

import org.hibernate.validator.BaseHibernateValidatorConfiguration;

import io.quarkus.hibernate.validator.ValidatorFactoryCustomizer;

/**
 * Tells the validator that whatever it checks is there: requests are records, and nothing of them is loaded when it is looked
 * at. By default it asks for each field of each message whether that is so, and remembers each answer, which took half the
 * time of a large upload.
 */
@ApplicationScoped
public class ValuesInMemory implements ValidatorFactoryCustomizer {

    @Override
    public void customize(BaseHibernateValidatorConfiguration<?> configuration) {
        configuration.traversableResolver(new Everything()).enableTraversableResolverResultCache(false);
    }

    private static final class Everything implements TraversableResolver {

        @Override
        public boolean isReachable(Object object, Path.Node property, Class<?> root, Path path, ElementType type) {
            return true;
        }

        @Override
        public boolean isCascadable(Object object, Path.Node property, Class<?> root, Path path, ElementType type) {
            return true;
        }
    }
}
