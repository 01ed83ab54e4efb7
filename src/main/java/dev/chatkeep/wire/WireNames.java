package dev.chatkeep.wire;

import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.ParameterNameProvider;

import org.hibernate.validator.BaseHibernateValidatorConfiguration;
import org.hibernate.validator.spi.nodenameprovider.JavaBeanProperty;
import org.hibernate.validator.spi.nodenameprovider.Property;
import org.hibernate.validator.spi.nodenameprovider.PropertyNodeNameProvider;
import org.jboss.resteasy.reactive.RestHeader;
import org.jboss.resteasy.reactive.RestPath;
import org.jboss.resteasy.reactive.RestQuery;

import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.BeanPropertyDefinition;

import io.quarkus.hibernate.validator.ValidatorFactoryCustomizer;

/** Makes violations name fields and parameters as clients send them, not as the code does. */
@ApplicationScoped
public class WireNames implements ValidatorFactoryCustomizer {

    private final ObjectMapper json;

    public WireNames(ObjectMapper json) {
        this.json = json;
    }

    @Override
    public void customize(BaseHibernateValidatorConfiguration<?> configuration) {
        configuration.propertyNodeNameProvider(new Properties(json)).parameterNameProvider(new Parameters());
    }

    private record Properties(ObjectMapper json) implements PropertyNodeNameProvider {

        @Override
        public String getName(Property property) {
            if (!(property instanceof JavaBeanProperty bean)) {
                return property.getName();
            }
            BeanDescription description = json.getSerializationConfig()
                    .introspect(json.constructType(bean.getDeclaringClass()));
            return description.findProperties().stream()
                    .filter(definition -> definition.getInternalName().equals(bean.getName()))
                    .map(BeanPropertyDefinition::getName)
                    .findFirst().orElse(bean.getName());
        }
    }

    /** The validator asks with each request. */
    private static final class Parameters implements ParameterNameProvider {

        private final Map<Executable, List<String>> names = new ConcurrentHashMap<>();

        @Override
        public List<String> getParameterNames(Constructor<?> constructor) {
            return names.computeIfAbsent(constructor, Parameters::names);
        }

        @Override
        public List<String> getParameterNames(Method method) {
            return names.computeIfAbsent(method, Parameters::names);
        }

        private static List<String> names(Executable executable) {
            return Arrays.stream(executable.getParameters()).map(Parameters::name).toList();
        }

        private static String name(Parameter parameter) {
            RestQuery query = parameter.getAnnotation(RestQuery.class);
            RestPath path = parameter.getAnnotation(RestPath.class);
            RestHeader header = parameter.getAnnotation(RestHeader.class);
            if (query == null && path == null && header == null) {
                return "body";
            }
            String name = query != null ? query.value() : path != null ? path.value() : header.value();
            return name.isEmpty() ? parameter.getName() : name;
        }
    }
}
