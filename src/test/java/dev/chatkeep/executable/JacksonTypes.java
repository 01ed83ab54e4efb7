package dev.chatkeep.executable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.FieldNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.VarInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.BasicValue;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SimpleVerifier;

/**
 * Finds the types of a program that are read or written as JSON, in its code: what reaches Jackson or the entity of a
 * response, also through methods that only hand it on, through collections and through what these types consist of. An
 * executable knows the members of such a type only if the type is registered; the framework does that for the types which
 * the methods of resources name.
 */
final class JacksonTypes {

    /** Whoever is given something here writes it, or reads it where it is a class. */
    private static final List<String> SINKS = List.of(
            "com/fasterxml/jackson/databind/ObjectMapper", "com/fasterxml/jackson/databind/ObjectReader",
            "com/fasterxml/jackson/databind/ObjectWriter", "com/fasterxml/jackson/core/JsonGenerator",
            "com/fasterxml/jackson/databind/node/", "io/vertx/core/json/",
            "jakarta/ws/rs/core/Response", "jakarta/ws/rs/container/ContainerResponseContext",
            "org/jboss/resteasy/reactive/RestResponse");

    /** Parameters of such types take anything: what is met is what callers give them. */
    private static final Set<String> SAYS_NOTHING = Set.of("Ljava/lang/Object;", "Ljava/lang/Class;");
    private static final Pattern HOLDER = Pattern.compile("^(java/util/|io/smallrye/mutiny/|java/lang/Object$)");
    private static final Pattern NAME = Pattern.compile("(?<=L)[\\w/$]+");

    private final Map<String, ClassNode> classes = new HashMap<>();
    /** Parameters that reach Jackson, as {@code owner.name+descriptor} and their number, the receiver not counted. */
    private final Set<String> forwarding = new HashSet<>();
    private final Set<String> met = new TreeSet<>();

    private JacksonTypes(Collection<Path> classFiles) {
        for (Path file : classFiles) {
            try {
                ClassNode node = new ClassNode();
                new ClassReader(Files.readAllBytes(file)).accept(node, ClassReader.SKIP_FRAMES);
                classes.put(node.name, node);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** The names of the types among these class files, as {@link Class#getName()} says them. */
    static Set<String> in(Collection<Path> classFiles) {
        return new JacksonTypes(classFiles).find();
    }

    /** Likewise, of all class files below a directory. */
    static Set<String> in(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            return in(files.filter(file -> file.toString().endsWith(".class")).toList());
        }
    }

    private Set<String> find() {
        int known;
        do {
            known = forwarding.size();
            classes.values().forEach(owner -> owner.methods.forEach(method -> follow(owner, method)));
        } while (forwarding.size() > known);
        Deque<String> open = new ArrayDeque<>(met);
        while (!open.isEmpty()) {
            for (String part : parts(classes.get(open.pop()))) {
                if (met.add(part)) {
                    open.push(part);
                }
            }
        }
        Set<String> names = new TreeSet<>();
        met.forEach(name -> names.add(name.replace('/', '.')));
        return names;
    }

    /** What a type consists of, and what it extends: Jackson looks at all of it. */
    private Set<String> parts(ClassNode type) {
        Set<String> parts = new HashSet<>();
        if (type.superName != null) {
            parts.addAll(ours(Type.getObjectType(type.superName).getDescriptor()));
        }
        for (FieldNode field : type.fields) {
            if ((field.access & Opcodes.ACC_STATIC) == 0) {
                parts.addAll(ours(field.signature != null ? field.signature : field.desc));
            }
        }
        return parts;
    }

    private void follow(ClassNode owner, MethodNode method) {
        if (method.instructions.size() == 0) {
            return;
        }
        Frame<BasicValue>[] frames;
        try {
            frames = new Analyzer<>(new Follower(method)).analyze(owner.name, method);
        } catch (AnalyzerException e) {
            throw new IllegalStateException(owner.name + "." + method.name, e);
        }
        String self = owner.name + "." + method.name + method.desc;
        for (int i = 0; i < frames.length; i++) {
            AbstractInsnNode instruction = method.instructions.get(i);
            Frame<BasicValue> frame = frames[i];
            if (frame != null && instruction instanceof MethodInsnNode call) {
                boolean sink = SINKS.stream().anyMatch(call.owner::startsWith);
                String target = call.owner + "." + call.name + call.desc;
                int arguments = Type.getArgumentTypes(call.desc).length;
                for (int n = 0; n < arguments; n++) {
                    if (sink || forwarding.contains(target + n)) {
                        meet(self, frame.getStack(frame.getStackSize() - arguments + n));
                    }
                }
            } else if (frame != null && instruction instanceof InvokeDynamicInsnNode lambda) {
                followCaptured(self, lambda, frame);
            }
        }
    }

    /** What a lambda captures are the first parameters of the method behind it. */
    private void followCaptured(String self, InvokeDynamicInsnNode lambda, Frame<BasicValue> frame) {
        int captured = Type.getArgumentTypes(lambda.desc).length;
        for (Object argument : lambda.bsmArgs) {
            if (argument instanceof Handle handle) {
                int receiver = handle.getTag() == Opcodes.H_INVOKESTATIC || handle.getTag() == Opcodes.H_NEWINVOKESPECIAL ? 0
                        : 1;
                for (int n = receiver; n < captured; n++) {
                    if (forwarding.contains(handle.getOwner() + "." + handle.getName() + handle.getDesc() + (n - receiver))) {
                        meet(self, frame.getStack(frame.getStackSize() - captured + n));
                    }
                }
            }
        }
    }

    private void meet(String method, BasicValue value) {
        if (value instanceof Followed followed) {
            met.addAll(followed.mentioned);
            if (followed.parameter >= 0) {
                forwarding.add(method + followed.parameter);
            }
        }
    }

    /** The types of the program in a descriptor or signature, with its arguments. */
    private Set<String> ours(String signature) {
        return NAME.matcher(signature).results().map(MatchResult::group).filter(classes::containsKey)
                .collect(Collectors.toSet());
    }

    /** A value, of which is known where it comes from. */
    private static final class Followed extends BasicValue {

        /** The types of the program that it is, holds or, being a class, stands for. */
        private final Set<String> mentioned;
        /** The number of the parameter that it is, receiver not counted; -1 for other values and where its type says it all. */
        private final int parameter;

        private Followed(BasicValue value, Set<String> mentioned, int parameter) {
            super(value.getType());
            this.mentioned = mentioned;
            this.parameter = parameter;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Followed value && super.equals(other) && mentioned.equals(value.mentioned)
                    && parameter == value.parameter;
        }

        @Override
        public int hashCode() {
            return Objects.hash(super.hashCode(), mentioned, parameter);
        }
    }

    /** Runs through a method with values that know where they come from. */
    private final class Follower extends SimpleVerifier {

        private final MethodNode method;
        private final boolean isStatic;

        Follower(MethodNode method) {
            super(Opcodes.ASM9, null, null, null, false);
            this.method = method;
            this.isStatic = (method.access & Opcodes.ACC_STATIC) != 0;
        }

        @Override
        public BasicValue newParameterValue(boolean isInstance, int local, Type type) {
            BasicValue value = super.newParameterValue(isInstance, local, type);
            if (!SAYS_NOTHING.contains(type.getDescriptor())) {
                return followed(value, type.getDescriptor());
            }
            int slot = isStatic ? 0 : 1;
            Type[] parameters = Type.getArgumentTypes(method.desc);
            for (int n = 0; n < parameters.length; n++) {
                if (slot == local) {
                    return new Followed(value, Set.of(), n);
                }
                slot += parameters[n].getSize();
            }
            return value;
        }

        @Override
        public BasicValue newOperation(AbstractInsnNode instruction) throws AnalyzerException {
            BasicValue value = super.newOperation(instruction);
            if (instruction instanceof LdcInsnNode constant && constant.cst instanceof Type type) {
                return followed(value, type.getDescriptor());
            }
            if (instruction.getOpcode() == Opcodes.NEW && isHolder(value)) {
                return new Followed(value, new HashSet<>(), -1);
            }
            return instruction instanceof FieldInsnNode field ? followed(value, signature(field)) : typed(value);
        }

        @Override
        public BasicValue copyOperation(AbstractInsnNode instruction, BasicValue value) throws AnalyzerException {
            super.copyOperation(instruction, value);
            if (!(instruction instanceof VarInsnNode load) || method.localVariables == null) {
                return value;
            }
            int at = method.instructions.indexOf(instruction);
            return method.localVariables.stream()
                    .filter(local -> local.index == load.var && local.signature != null
                            && method.instructions.indexOf(local.start) <= at && at < method.instructions.indexOf(local.end))
                    .findFirst().map(local -> followed(value, local.signature)).orElse(value);
        }

        @Override
        public BasicValue unaryOperation(AbstractInsnNode instruction, BasicValue value) throws AnalyzerException {
            BasicValue result = super.unaryOperation(instruction, value);
            if (result != null && instruction instanceof FieldInsnNode field) {
                return followed(result, signature(field));
            }
            return instruction.getOpcode() == Opcodes.CHECKCAST ? typed(result) : result;
        }

        @Override
        public BasicValue naryOperation(AbstractInsnNode instruction, List<? extends BasicValue> values)
                throws AnalyzerException {
            BasicValue result = super.naryOperation(instruction, values);
            if (instruction.getOpcode() == Opcodes.INVOKESPECIAL && isHolder(values.get(0))
                    && values.get(0) instanceof Followed made) {
                // A collection that was made of another.
                made.mentioned.addAll(mentioned(values.subList(1, values.size())));
            }
            if (result == null || !result.isReference()) {
                return result;
            }
            Set<String> mentioned = new HashSet<>();
            if (instruction instanceof MethodInsnNode call && classes.containsKey(call.owner)) {
                mentioned.addAll(ours(signature(call)));
            } else if (isHolder(result)) {
                // What a collection, an optional or a stream holds comes from what it was asked of.
                mentioned.addAll(mentioned(values));
            }
            return new Followed(result, mentioned, -1);
        }

        @Override
        public BasicValue merge(BasicValue one, BasicValue other) {
            if (one.equals(other)) {
                return one;
            }
            BasicValue merged = super.merge(one, other);
            if (!merged.isReference()) {
                return merged;
            }
            int parameter = Stream.of(one, other).filter(Followed.class::isInstance)
                    .mapToInt(value -> ((Followed) value).parameter).max().orElse(-1);
            return new Followed(merged, mentioned(List.of(one, other)), parameter);
        }

        private boolean isHolder(BasicValue value) {
            return value.isReference() && HOLDER.matcher(value.getType().getInternalName()).find();
        }

        private Set<String> mentioned(List<? extends BasicValue> values) {
            return values.stream().filter(Followed.class::isInstance).flatMap(value -> ((Followed) value).mentioned.stream())
                    .collect(Collectors.toSet());
        }

        private BasicValue typed(BasicValue value) {
            return value == null || !value.isReference() ? value : followed(value, value.getType().getDescriptor());
        }

        private BasicValue followed(BasicValue value, String signature) {
            Set<String> mentioned = new HashSet<>(ours(signature));
            int parameter = -1;
            if (value instanceof Followed followed) {
                mentioned.addAll(followed.mentioned);
                parameter = followed.parameter;
            }
            return mentioned.isEmpty() && parameter < 0 ? value : new Followed(value, mentioned, parameter);
        }

        private String signature(FieldInsnNode field) {
            ClassNode owner = classes.get(field.owner);
            return owner == null ? field.desc
                    : owner.fields.stream().filter(candidate -> candidate.name.equals(field.name)).findFirst()
                            .map(candidate -> candidate.signature).orElse(field.desc);
        }

        private String signature(MethodInsnNode call) {
            ClassNode owner = classes.get(call.owner);
            String signature = owner == null ? null
                    : owner.methods.stream()
                            .filter(candidate -> candidate.name.equals(call.name) && candidate.desc.equals(call.desc))
                            .findFirst().map(candidate -> candidate.signature).orElse(null);
            String whole = signature == null ? call.desc : signature;
            return whole.substring(whole.lastIndexOf(')'));
        }
    }
}
