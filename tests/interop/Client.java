// SPDX-License-Identifier: ISC

import java.io.EOFException;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;

/** A client on Java's JSSE; see interop.py for what it is told and tells. */
public class Client {
    private static final char[] PASSWORD = "password".toCharArray();

    /** Shows the one certificate there is, whatever authorities the server names. */
    private static final class OneKey extends X509ExtendedKeyManager {
        private final X509Certificate[] chain;
        private final PrivateKey key;

        OneKey(KeyStore store) throws Exception {
            String alias = store.aliases().nextElement();
            var certificates = store.getCertificateChain(alias);
            chain = new X509Certificate[certificates.length];
            for (int i = 0; i < chain.length; i++) {
                chain[i] = (X509Certificate) certificates[i];
            }
            key = (PrivateKey) store.getKey(alias, PASSWORD);
        }

        @Override public String chooseClientAlias(String[] types, Principal[] issuers, Socket s) {
            for (String type : types) {
                if (type.equals(key.getAlgorithm())) {
                    return "one";
                }
            }
            return null;
        }
        @Override public String[] getClientAliases(String type, Principal[] issuers) {
            return new String[] {"one"};
        }
        @Override public String chooseServerAlias(String type, Principal[] issuers, Socket s) {
            return null;
        }
        @Override public String[] getServerAliases(String type, Principal[] issuers) {
            return null;
        }
        @Override public X509Certificate[] getCertificateChain(String alias) {
            return chain;
        }
        @Override public PrivateKey getPrivateKey(String alias) {
            return key;
        }
    }

    private static KeyManager[] keys(Map<String, String> told) throws Exception {
        if (!told.containsKey("p12")) {
            return null;
        }
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(told.get("p12"))) {
            store.load(in, PASSWORD);
        }
        return new KeyManager[] {new OneKey(store)};
    }

    private static SSLContext configure(Map<String, String> told) throws Exception {
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream in = new FileInputStream(told.get("ca"))) {
            trusted.setCertificateEntry("ca",
                    CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(told), trust.getTrustManagers(), null);
        return context;
    }

    private static String quoted(String text) {
        return '"' + String.valueOf(text).replaceAll("[^ -~]|[\"\\\\]", "?") + '"';
    }

    private static void talk(SSLContext context, Map<String, String> told) throws Exception {
        String end = "clean";
        String error = "";
        String tls = "";
        String alpn = "";
        long bytes = 0;
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        InetAddress address = InetAddress.getByAddress(told.get("name"),
                InetAddress.getByName(told.get("host")).getAddress());

        try (SSLSocket socket = (SSLSocket) context.getSocketFactory()
                .createSocket(address, Integer.parseInt(told.get("port")))) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setProtocols(new String[] {"TLSv" + told.get("version")});
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            parameters.setServerNames(List.of(new SNIHostName(told.get("name"))));
            if (told.containsKey("alpn")) {
                parameters.setApplicationProtocols(told.get("alpn").split(","));
            }
            socket.setSSLParameters(parameters);
            end = "handshake";
            socket.startHandshake();
            end = "clean";
            tls = socket.getSession().getProtocol();
            alpn = socket.getApplicationProtocol();
            socket.getOutputStream().write(
                    (told.get("request") + "\n").getBytes(StandardCharsets.UTF_8));
            byte[] room = new byte[65536];
            for (int n; (n = socket.getInputStream().read(room)) >= 0; bytes += n) {
                digest.update(room, 0, n);
            }
        } catch (EOFException truncated) {
            end = "truncated";
            error = truncated.toString();
        } catch (IOException failed) {
            end = end.equals("clean") ? "error" : end;
            for (Throwable cause = failed; cause != null; cause = cause.getCause()) {
                error += cause + " ";
            }
            for (Throwable more : failed.getSuppressed()) {
                error += more + " ";
            }
        }
        System.out.printf("{\"tls\": %s, \"alpn\": %s, \"bytes\": %d, "
                + "\"digest\": \"%s\", \"end\": \"%s\", \"error\": %s}%n", quoted(tls),
                quoted(alpn), bytes, HexFormat.of().formatHex(digest.digest()), end, quoted(error));
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> told = new HashMap<>(Map.of("times", "1"));
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            told.put(parts[0], parts[1]);
        }
        SSLContext context = configure(told);
        for (int times = Integer.parseInt(told.get("times")); times > 0; times--) {
            talk(context, told);
        }
    }
}
