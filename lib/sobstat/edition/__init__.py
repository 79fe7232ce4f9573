"""The monthly edition: parameters → notebooks → pages → checks → manifest → site."""
