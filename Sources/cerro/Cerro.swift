internal import CerroCommand
internal import Foundation

/// The one executable; every subcommand lives in `CerroCommand`.
@main
enum Cerro {
    static func main() async {
        exit(await CommandLineTool.run(Array(CommandLine.arguments.dropFirst())))
    }
}
