/// Text made safe for any place in an HTML page: element content or a quoted attribute.
///
/// The values come from providers and configs: nothing in them may become markup, or change the order in which the text
/// around it is read. Marks that set the direction of text are written as their code points.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case _ where scalar.properties.isBidiControl:
            result += "[U+\(String(scalar.value, radix: 16, uppercase: true))]"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
