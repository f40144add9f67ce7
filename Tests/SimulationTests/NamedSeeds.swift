/// Seeds that found a mistake once, for as long as the drawing of schedules stays as it is, and
/// what each shows.
enum NamedSeeds {
    static let all: [(seed: UInt64, shows: String)] = [
        // The archive's journal.
        (3_215_905_991_391, "a whole first batch of an instance that damage took is entered"),
        (3_215_905_991_193, "so it is where the log drops its spool meanwhile"),
        (3_215_905_992_943, "so it is where the instance comes back after a kill"),
        (3_215_905_991_638, "what is told behind a damaged opening is no more than was committed"),
        (2_377_982_243_189, "rows before a segment with a damaged opening stay"),
        (2_224_457_587_359, "a damaged opening does not make missing what stands in a file before"),
        (2_224_457_588_547, "so it does not where the epoch before it ended by a power cut"),
        (
            3_215_905_992_203,
            "the end of an epoch that damage took is entered where the next begins"
        ),
        (2_224_457_587_601, "so is a whole epoch of which nothing else tells"),
        (2_224_457_587_862, "a batch that does not count shows what damage took before it"),
        (2_495_244_072_963, "so is all that was there of an instance that was not known before"),
        (2_455_441_745_399, "a row at the end of a journal that damage took is entered again"),
        (2_455_441_746_250, "so is one of an epoch of which nothing came"),
        (
            2_509_300_843_733,
            "a damaged segment that was sealed, and not deleted yet, tells nothing"
        ),
        // The log.
        (2_465_595_855_416, "an epoch that is gone may have had more than commits on the disk say"),
        (2_450_915_809_201, "the end of an epoch that a failed sync took, in a spool that is full"),
        (2_802_522_165_826, "what an archive had committed is not lost with the power"),
        (2_802_522_163_533, "damage in a segment that a full spool was about to drop is damage"),
        (2_828_635_186_815, "what a full spool has dropped behind a damaged segment is no damage"),
        (2_333_897_274_363, "what a log could not sync at its start is written anew"),
        (2_509_300_840_016, "what was dropped before the disk refused did not die in memory"),
        (2_306_967_286_185, "one that joins is told of an epoch that a damaged table had"),
        (2_742_276_113_447, "that an archive was forgotten is told by the next process as well"),
        (2_797_702_564_393, "what others had committed when the power went was forgotten before"),
        (2_797_702_564_782, "so it was where they have gone on to another epoch"),
        (3_242_038_407_276, "one that joined, could not write that down and joined again is told"),
        // What may be: neither the log nor the archive can know better.
        (2_465_595_853_552, "a disk that is rolled back has forgotten archives that came later"),
        (3_215_905_992_461, "damage to declarations of two epochs"),
        (3_215_905_991_054, "a dying disk takes the note of what is in memory with its last call"),
        (3_215_905_992_143, "that nothing is in memory any more is lost with the power"),
        (2_633_779_787_096, "nobody knows what damage took from the end of an epoch rolled back"),
        (2_633_779_787_706, "damage at the end of an epoch, then a power cut"),
        (3_181_816_732_969, "a table that is damaged while its epoch goes on"),
        (2_926_842_937_775, "a damaged segment that a full spool drops"),
        (2_333_897_274_592, "a segment that cannot be read when a full spool drops it"),
        (2_333_897_275_824, "a disk that is rolled back to the first moments of an epoch"),
        (2_797_702_566_562, "a table that is damaged, and cannot be written, when the power goes"),
        (2_926_842_938_551, "a row about many epochs, of some of which loss records tell as well"),
    ]
}
