import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs the main methods of Apache Kafka's tools (and of its broker) one after the other in one virtual machine, because starting a
 * virtual machine for each of a thousand command lines takes longer than a test may.
 *
 * Requests come on stdin and answers leave on stdout, all numbers big-endian, all strings UTF-8 with their length before them:
 *
 *   'R' class stdin args   runs a tool to its end       -> code stdout stderr
 *   'B' name class args    starts one in the background -> 0 "" ""
 *   'E' name               ends it as SIGTERM would     -> code stdout stderr
 *
 * Each run has its own streams, which the threads it starts inherit, and its own copies of the tools' static state. A call of exit
 * ends the run: it stops the calling thread for good, as the real one does, and runs the run's shutdown hooks.
 */
public class ToolHost {
    static final int PATIENCE_SECONDS = 100;
    static final InheritableThreadLocal<Run> current = new InheritableThreadLocal<>();
    static final Map<String, Run> background = new HashMap<>();

    static class Run {
        final InputStream in;
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteArrayOutputStream err = new ByteArrayOutputStream();
        final List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());
        final CountDownLatch ended = new CountDownLatch(1);
        volatile int code;

        Run(byte[] input) {
            in = new ByteArrayInputStream(input);
        }

        void start(String name, String[] args) {
            Thread t = new Thread(() -> {
                current.set(this);
                main(name, args);
                ended.countDown();
            }, "main");
            t.start();
        }

        private void main(String name, String[] args) {
            try {
                ClassLoader tools = new ToolLoader();
                Thread.currentThread().setContextClassLoader(tools);
                tools.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) args);
            } catch (InvocationTargetException e) {
                code = 1;
                System.err.print("Exception in thread \"main\" ");
                e.getCause().printStackTrace();
            } catch (Throwable e) {
                code = 99;
                e.printStackTrace();
            }
        }

        /** What System.exit does to the thread that calls it. */
        void exit(int status) {
            synchronized (this) {
                if (ended.getCount() > 0) {
                    code = status;
                    ended.countDown();
                }
            }
            while (true) {
                LockSupport.park();
                Thread.interrupted();
            }
        }

        void await() throws InterruptedException {
            if (!ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                code = 137;
            }
            runHooks();
        }

        void runHooks() throws InterruptedException {
            List<Thread> running = ownHooks();
            running.forEach(Thread::start);
            for (Runnable hook : new ArrayList<>(hooks)) {
                Thread t = new Thread(() -> {
                    current.set(this);
                    hook.run();
                }, "hook");
                t.setDaemon(true);
                t.start();
                running.add(t);
            }
            for (Thread t : running) {
                t.join(20_000);
            }
        }
    }

    /** Takes the hooks that were given to the virtual machine itself. Brokers live as long as it does; their hooks come by Exit. */
    @SuppressWarnings("unchecked")
    static List<Thread> ownHooks() {
        try {
            Field field = Class.forName("java.lang.ApplicationShutdownHooks").getDeclaredField("hooks");
            field.setAccessible(true);
            List<Thread> all = new ArrayList<>();
            for (Thread hook : new ArrayList<>(((Map<Thread, Thread>) field.get(null)).keySet())) {
                if (hook.getContextClassLoader() instanceof ToolLoader && Runtime.getRuntime().removeShutdownHook(hook)) {
                    all.add(hook);
                }
            }
            return all;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Loads the tools' own classes anew for each run, because some count in static fields. */
    static class ToolLoader extends URLClassLoader {
        private static final String[] OWN = {"org.apache.kafka.tools.", "org.apache.kafka.shell.", "kafka.admin.", "kafka.tools."};

        ToolLoader() throws MalformedURLException {
            super(classPath(), ToolHost.class.getClassLoader());
        }

        private static URL[] classPath() throws MalformedURLException {
            List<URL> urls = new ArrayList<>();
            for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
                urls.add(new File(path).toURI().toURL());
            }
            return urls.toArray(new URL[0]);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            for (String own : OWN) {
                if (name.startsWith(own)) {
                    synchronized (getClassLoadingLock(name)) {
                        Class<?> c = findLoadedClass(name);
                        return c != null ? c : findClass(name);
                    }
                }
            }
            return super.loadClass(name, resolve);
        }
    }

    /** A stream that goes to the run of the thread that writes. */
    static class RunOutput extends OutputStream {
        private final boolean err;

        RunOutput(boolean err) {
            this.err = err;
        }

        private OutputStream target() {
            Run run = current.get();
            if (run == null) {
                return OutputStream.nullOutputStream();
            }
            return err ? run.err : run.out;
        }

        @Override
        public void write(int b) throws IOException {
            target().write(b);
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
            target().write(b, off, len);
        }
    }

    /** A stream that the next run can write to although this one has closed it, as the metadata shell does. */
    static class LastingStream extends PrintStream {
        LastingStream(OutputStream to) {
            super(to, true);
        }

        @Override
        public void close() {
            flush();
        }
    }

    static class RunInput extends InputStream {
        private InputStream source() {
            Run run = current.get();
            return run == null ? InputStream.nullInputStream() : run.in;
        }

        @Override
        public int read() throws IOException {
            return source().read();
        }

        @Override
        public int read(byte[] b, int off, int len) throws IOException {
            return source().read(b, off, len);
        }

        @Override
        public int available() throws IOException {
            return source().available();
        }
    }

    @SuppressWarnings("removal") // there is nothing else that catches a direct call of System.exit
    static class NoExit extends SecurityManager {
        @Override
        public void checkExit(int status) {
            Run run = current.get();
            if (run != null) {
                run.exit(status);
            }
        }

        @Override
        public void checkPermission(java.security.Permission permission) {
        }

        @Override
        public void checkPermission(java.security.Permission permission, Object context) {
        }
    }

    public static void main(String[] args) {
        PrintStream realErr = System.err;
        try {
            serve();
        } catch (Throwable e) {
            e.printStackTrace(realErr);
            Runtime.getRuntime().halt(1);
        }
    }

    @SuppressWarnings("removal")
    static void serve() throws Exception {
        DataInputStream requests = new DataInputStream(new FileInputStream(FileDescriptor.in));
        DataOutputStream answers = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
        System.setIn(new RunInput());
        System.setOut(new LastingStream(new RunOutput(false)));
        System.setErr(new LastingStream(new RunOutput(true)));
        System.setSecurityManager(new NoExit());
        Exit.setExitProcedure((status, message) -> current.get().exit(status));
        Exit.setHaltProcedure((status, message) -> current.get().exit(status));
        Exit.setShutdownHookAdder((name, hook) -> current.get().hooks.add(hook));
        while (true) {
            Run run;
            int op;
            try {
                op = requests.readUnsignedByte();
            } catch (EOFException e) {
                Runtime.getRuntime().halt(0);
                return;
            }
            switch (op) {
                case 'R' -> {
                    String name = string(requests);
                    run = new Run(bytes(requests));
                    run.start(name, strings(requests));
                    run.await();
                }
                case 'B' -> {
                    String id = string(requests);
                    String name = string(requests);
                    run = new Run(new byte[0]);
                    background.put(id, run);
                    run.start(name, strings(requests));
                    answer(answers, 0, new byte[0], new byte[0]);
                    continue;
                }
                case 'E' -> {
                    run = background.remove(string(requests));
                    if (run == null) {
                        answer(answers, 0, new byte[0], new byte[0]);
                        continue;
                    }
                    run.runHooks();
                    run.ended.await(20, TimeUnit.SECONDS);
                }
                default -> throw new IOException("unknown request " + op);
            }
            answer(answers, run.code, run.out.toByteArray(), run.err.toByteArray());
        }
    }

    static void answer(DataOutputStream to, int code, byte[] out, byte[] err) throws IOException {
        to.writeInt(code);
        for (byte[] b : new byte[][] {out, err}) {
            to.writeInt(b.length);
            to.write(b);
        }
        to.flush();
    }

    static byte[] bytes(DataInputStream from) throws IOException {
        return from.readNBytes(from.readInt());
    }

    static String string(DataInputStream from) throws IOException {
        return new String(bytes(from), StandardCharsets.UTF_8);
    }

    static String[] strings(DataInputStream from) throws IOException {
        String[] all = new String[from.readInt()];
        for (int i = 0; i < all.length; i++) {
            all[i] = string(from);
        }
        return all;
    }
}
