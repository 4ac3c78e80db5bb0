import io.airlift.compress.zstd.ZstdDecompressor;
import io.airlift.compress.zstd.ZstdInputStream;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Reads an archive as Trino does, with aircompressor: Readers whole|stream DIR, keys on standard input. Prints
 * {@code key TAB lines TAB sha256 of the decompressed bytes} for each.
 */
public final class Readers {
    public static void main(String[] args) throws Exception {
        Path root = Path.of(args[1]);
        BufferedReader keys = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String key = keys.readLine(); key != null; key = keys.readLine()) {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            long lines = args[0].equals("whole") ? whole(root.resolve(key), digest) : stream(root.resolve(key), digest);
            System.out.println(key + "\t" + lines + "\t" + HexFormat.of().formatHex(digest.digest()));
        }
    }

    private static long whole(Path path, MessageDigest digest) throws Exception {
        byte[] packed = Files.readAllBytes(path);
        // The content size of the header decides how much memory is taken: it has to be there, and true.
        long declared = ZstdDecompressor.getDecompressedSize(packed, 0, packed.length);
        byte[] out = new byte[Math.toIntExact(declared)];
        int length = new ZstdDecompressor().decompress(packed, 0, packed.length, out, 0, out.length);
        if (length != declared) {
            throw new IllegalStateException(path + ": declares " + declared + " bytes, has " + length);
        }
        digest.update(out);
        return lines(out, length);
    }

    private static long stream(Path path, MessageDigest digest) throws Exception {
        byte[] buffer = new byte[50_021]; // no multiple of any block size
        long lines = 0;
        try (InputStream in = new ZstdInputStream(Files.newInputStream(path))) {
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                digest.update(buffer, 0, n);
                lines += lines(buffer, n);
            }
        }
        return lines;
    }

    private static long lines(byte[] bytes, int length) {
        long lines = 0;
        for (byte b : Arrays.copyOf(bytes, length)) {
            if (b == '\n') {
                lines++;
            }
        }
        return lines;
    }
}
