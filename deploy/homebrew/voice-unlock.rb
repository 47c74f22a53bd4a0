# Homebrew formula: brew install --build-from-source deploy/homebrew/voice-unlock.rb
class VoiceUnlock < Formula
  desc "Unlock by your voice: local, small, fast"
  homepage "https://example.org/voice-unlock"
  head "file://#{File.expand_path("../..", __dir__)}", using: :git

  depends_on "cmocka" => :build
  depends_on "pkg-config" => :build
  depends_on "protobuf" => :build
  depends_on "fftw"
  depends_on "jansson"
  depends_on "jemalloc"
  depends_on "libcyaml"
  depends_on "libmicrohttpd"
  depends_on "libsndfile"
  depends_on "libsodium"
  depends_on "libsoxr"
  depends_on "libsvm"
  depends_on "libuv"
  depends_on "libyaml"
  depends_on :macos
  depends_on "nng"
  depends_on "portaudio"
  depends_on "protobuf-c"
  depends_on "speex"
  depends_on "sqlite"

  def install
    system "make", "install", "PREFIX=#{prefix}"
  end

  service do
    run [opt_bin/"vu-supervisor"]
    keep_alive successful_exit: false
    process_type :interactive
  end

  def caveats
    <<~EOS
      The microphone needs your consent: after `brew services start voice-unlock` run
        jarvis-voice-unlock doctor
      and allow access when macOS asks.
      Templates are kept in ~/Library/Application Support/voice-unlock when this is uninstalled.
    EOS
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/jarvis-voice-unlock version") unless build.head?
    assert_match "usage:", shell_output("#{bin}/jarvis-voice-unlock help")
  end
end
